//! The paths of the admin API.

use std::sync::Arc;

use axum::{Extension, Router};
use tokio::sync::watch;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answers::ApiError;
use super::calls::Calls;
use super::document::{Document, DocumentText};
use super::{
    alerts, capture, deliveries, document, events, generation, handlers, ledger, metrics, outbox,
    rejections, replay, roll_back, routes as routing, schedule, sources, state, status,
};
use crate::run::Core;

/// The routes of the API to this gateway, with the document that describes them. `ended` turns true
/// when the listener ends.
pub(crate) fn router(core: Arc<Core>, ended: watch::Receiver<bool>) -> Router {
    let (routes, description) = described().split_for_parts();
    // The document is made of texts and numbers, which are all JSON.
    let text = description.to_json().unwrap_or_default();
    routes
        .method_not_allowed_fallback(wrong_method)
        .layer(Extension(DocumentText(text.into())))
        .layer(Extension(ended))
        .with_state(Calls::new(core))
}

/// The routes and their description. Every route is described: there is no other way to add one.
pub(super) fn described() -> OpenApiRouter<Calls> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(status::status))
        .routes(routes!(metrics::metrics))
        .routes(routes!(alerts::show))
        .routes(routes!(document::document))
        .routes(routes!(generation::show))
        .routes(routes!(generation::config))
        .routes(routes!(generation::reload))
        .routes(routes!(sources::list))
        .routes(routes!(routing::list))
        .routes(routes!(rejections::list))
        .routes(routes!(capture::capture))
        .routes(routes!(events::list))
        .routes(routes!(events::show))
        .routes(routes!(events::body))
        .routes(routes!(events::erase))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::show))
        .routes(routes!(deliveries::retry))
        .routes(routes!(deliveries::cancel))
        .routes(routes!(deliveries::retry_many))
        .routes(routes!(deliveries::cancel_many))
        .routes(routes!(outbox::list))
        .routes(routes!(outbox::show))
        .routes(routes!(outbox::retry))
        .routes(routes!(outbox::cancel))
        .routes(routes!(schedule::list))
        .routes(routes!(schedule::run))
        .routes(routes!(schedule::cancel))
        .routes(routes!(state::list, state::change))
        .routes(routes!(state::value))
        .routes(routes!(state::changes))
        .routes(routes!(replay::replay))
        .routes(routes!(handlers::list))
        .routes(routes!(handlers::pause))
        .routes(routes!(handlers::resume))
        .routes(routes!(roll_back::roll_back))
        .routes(routes!(roll_back::readmit))
        .routes(routes!(ledger::release))
}

/// The answer to a method that a path does not have. The response also names the methods.
async fn wrong_method() -> ApiError {
    ApiError::new(
        http::StatusCode::METHOD_NOT_ALLOWED,
        "the path has no such method",
    )
}
