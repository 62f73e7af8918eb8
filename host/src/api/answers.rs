//! Answers of the admin API, and the answers that errors become.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::openapi::{self, ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::query::QueryError;
use crate::run::PauseError;
use tollgate_ledger::{FindError, LedgerError, ListError};

/// The answer of a call: JSON, or an error.
pub(super) type Answer<T> = Result<Json<T>, ApiError>;

/// Why a call has no result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
}

/// The body of an answer that is an error.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What is wrong, as a text for people.
    error: String,
}

impl ApiError {
    /// An answer that says why the request failed.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// The request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The state of the item does not allow the change.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// There is no such item.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// The gateway failed.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: self.message,
        };
        (self.status, Json(body)).into_response()
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        let status = match error {
            LedgerError::Busy | LedgerError::Unavailable(_) | LedgerError::Closed => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            LedgerError::Unreadable(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<ListError> for ApiError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::InvalidCursor => Self::bad_request(error.to_string()),
            ListError::Ledger(error) => error.into(),
        }
    }
}

impl From<FindError> for ApiError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::NotAnId(_) | FindError::Ambiguous { .. } => {
                Self::bad_request(error.to_string())
            }
            FindError::Unknown(_) => Self::not_found(error.to_string()),
            FindError::Ledger(error) => error.into(),
        }
    }
}

impl From<PauseError> for ApiError {
    fn from(error: PauseError) -> Self {
        match error {
            PauseError::Unknown(_) => Self::not_found(error.to_string()),
            PauseError::Ledger(error) => error.into(),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self::bad_request(error.to_string())
    }
}

/// The errors of calls that read, for the document.
pub(super) enum ReadErrors {}

/// The errors of calls that change something, for the document.
pub(super) enum ChangeErrors {}

const READ: [(u16, &str); 6] = [
    (400, "The request cannot be understood."),
    (401, "The request presents no token, and one is needed."),
    (
        403,
        "The token, the host or the site of the request may not ask this.",
    ),
    (404, "There is no such item."),
    (500, "The gateway failed; its log says why."),
    (503, "The ledger cannot be read or written now."),
];

const CHANGE: [(u16, &str); 4] = [
    (408, "The body took too long."),
    (409, "The state of the item does not allow the change."),
    (413, "The body is too long."),
    (415, "The body is not announced as `application/json`."),
];

type Responses = BTreeMap<String, RefOr<openapi::Response>>;

impl IntoResponses for ReadErrors {
    fn responses() -> Responses {
        READ.iter().map(described).collect()
    }
}

impl IntoResponses for ChangeErrors {
    fn responses() -> Responses {
        READ.iter().chain(&CHANGE).map(described).collect()
    }
}

fn described((status, description): &(u16, &str)) -> (String, RefOr<openapi::Response>) {
    let schema = Ref::from_schema_name("ErrorBody");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new()
        .description(*description)
        .content("application/json", content);
    (status.to_string(), response.build().into())
}
