//! The routes of the admin listener. What operators, commands and monitoring see of a gateway comes
//! together here; each part brings a router of its own.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tokio::sync::watch;

use crate::api::{self, ApiError};
use crate::run::Core;
use crate::server::{AdminBackend, Readiness};
use crate::settings::AdminToken;

impl AdminBackend for Core {
    fn readiness(&self) -> Readiness {
        Core::readiness(self)
    }

    fn tokens(&self) -> Arc<[AdminToken]> {
        self.current.load().manifest.admin_tokens.clone()
    }

    fn answered(&self, resource: &'static str, status: StatusCode) {
        self.admin_calls.count(resource, status);
    }

    fn routes(self: Arc<Self>, _ended: watch::Receiver<bool>) -> Router {
        Router::new()
            .merge(api::router(self))
            .fallback(nothing)
            .layer(map_response(finished))
    }
}

/// The answer where no route is.
async fn nothing(request: Request) -> Response {
    match request.uri().path().starts_with("/api/") {
        true => ApiError::not_found("there is no such path").into_response(),
        false => (StatusCode::NOT_FOUND, "not found\n").into_response(),
    }
}

/// Adds what every answer has. No answer is kept by a cache, unless its route says so.
async fn finished(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
