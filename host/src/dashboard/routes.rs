//! The paths of the dashboard.

use axum::Router;
use axum::middleware;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use http::header;

use super::session::ROOT;
use super::shared::Dashboard;
use super::{actions, gate, live, pages};

/// The pages, the forms and the stream.
pub(crate) fn routes(dashboard: Dashboard) -> Router {
    let signed_in = Router::new()
        .route("/ui", get(pages::overview::show))
        .route("/ui/events", get(pages::events::list))
        .route("/ui/events/{id}", get(pages::event::show))
        .route("/ui/events/{id}/body", get(pages::event::body))
        .route("/ui/deliveries", get(pages::deliveries::list))
        .route("/ui/deliveries/{number}", get(pages::deliveries::show))
        .route("/ui/dead", get(pages::dead::list))
        .route("/ui/outbox", get(pages::outbox::list))
        .route("/ui/rejections", get(pages::rejections::list))
        .route("/ui/handlers", get(pages::handlers::list))
        .route("/ui/sources", get(pages::sources::list))
        .route("/ui/manifest", get(pages::manifest::show))
        .route("/ui/live", get(live::stream))
        .route("/ui/do/{verb}", post(actions::carry_out))
        .route("/ui/sign-out", post(gate::sign_out))
        .layer(middleware::from_fn_with_state(
            dashboard.clone(),
            gate::check,
        ));
    Router::new()
        .route("/", get(|| async { Redirect::to(ROOT) }))
        .route("/ui/sign-in", get(gate::ask).post(gate::sign_in))
        .route("/ui/style.css", get(style))
        .route("/ui/script.js", get(script))
        .merge(signed_in)
        .layer(middleware::map_response(gate::protect))
        .with_state(dashboard)
}

async fn style() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("assets/style.css"))
}

async fn script() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("assets/script.js"))
}
