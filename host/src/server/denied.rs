//! Answers of the admin service to requests that no handler sees.

use std::borrow::Cow;

use axum::body::Body;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::body::BodyError;
use super::response::{json as json_response, text};
use super::service::Response;

/// Why the admin service does not answer a request.
#[derive(Debug)]
pub(super) struct Denied {
    status: StatusCode,
    message: Cow<'static, str>,
}

impl Denied {
    /// A request is not answered for this reason.
    pub(super) fn new(status: StatusCode, message: &'static str) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// The request presents no token.
    pub(super) fn unknown() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "an `Authorization: Bearer` header with a token of the admin service is needed",
        )
    }

    /// The answer: JSON for the API, text for people.
    pub(super) fn answer(self, is_api: bool) -> Response<Body> {
        let mut response = match is_api {
            true => json_response(self.status, &json!({ "error": self.message })),
            false => text(self.status, format!("{}\n", self.message)),
        };
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<BodyError> for Denied {
    fn from(error: BodyError) -> Self {
        let status = match error {
            BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::Timeout { .. } => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken(_) => StatusCode::BAD_REQUEST,
            BodyError::NoMemory(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self {
            status,
            message: error.to_string().into(),
        }
    }
}
