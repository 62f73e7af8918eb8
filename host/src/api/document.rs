//! The description of the API: an OpenAPI document, made of the routes and their types.

use std::sync::Arc;

use axum::Extension;
use axum::response::{IntoResponse, Response};
use http::header;
use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::answers::ErrorBody;

/// What the document says beside the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tollgate admin API",
        description = "Reads and changes a running gateway. Lists are pages: `next` is the `after` \
            of the next page, or `null` at the end. A page may hold less than its limit although \
            more follows, since each call looks at a bounded number of rows. Cursors are texts \
            without a meaning outside of their list. Errors are `{\"error\": \"…\"}`.",
    ),
    components(schemas(ErrorBody)),
    modifiers(&Tokens),
    security((), ("token" = [])),
    tags(
        (name = "status", description = "The gateway as a whole"),
        (name = "sources", description = "Sources, their secrets' uses, and routes"),
        (name = "events", description = "What providers and handlers sent"),
        (name = "deliveries", description = "One event for one handler"),
        (name = "outbox", description = "Requests of handlers that wait, went out or are dead"),
        (name = "schedule", description = "Events that handlers have scheduled for themselves"),
        (name = "handlers", description = "Handlers and their state"),
    ),
)]
pub(super) struct Document;

/// Describes how a request presents a token.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, description: &mut Description) {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some(
            "`admin_token` or one of `[[server.admin_tokens]]`. The role `read` may GET alone. On \
             loopback no token is needed unless one is set."
                .to_owned(),
        );
        description
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(bearer));
    }
}

/// The document as JSON.
#[derive(Clone)]
pub(super) struct DocumentText(pub(super) Arc<str>);

/// This document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "status",
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = Object)),
)]
pub(super) async fn document(Extension(text): Extension<DocumentText>) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, text.0.to_string()).into_response()
}
