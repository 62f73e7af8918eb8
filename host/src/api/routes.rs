//! Routes: which events go to which handlers.

use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::answers::{Answer, ReadErrors};
use super::calls::Calls;
use crate::settings::Route;

/// The routes of the serving manifest.
#[derive(Serialize, ToSchema)]
pub(super) struct Routes {
    /// The routes, in the manifest's order. All that match an event apply.
    items: Vec<RouteView>,
}

/// Which events of a source go to which handlers.
#[derive(Serialize, ToSchema)]
struct RouteView {
    /// The source, or `handler:NAME` for events that a handler emits.
    source: String,
    /// Event types, or patterns in which `*` stands for any characters.
    events: Vec<String>,
    /// Whether the patterns also match the types of thin events without their `v1.`.
    thin: bool,
    /// JSON pointers into the payload with the values that must be there.
    #[schema(value_type = Object)]
    r#where: Map<String, Value>,
    /// The handlers.
    handlers: Vec<String>,
}

impl From<&Route> for RouteView {
    fn from(route: &Route) -> Self {
        Self {
            source: route.source.to_string(),
            events: route.events.iter().map(ToString::to_string).collect(),
            thin: route.thin,
            r#where: route.filter.iter().cloned().collect(),
            handlers: route.handlers.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The routes of the serving manifest.
#[utoipa::path(
    get,
    path = "/api/routes",
    tag = "sources",
    responses((status = 200, description = "All routes.", body = Routes), ReadErrors),
)]
pub(super) async fn list(State(calls): State<Calls>) -> Answer<Routes> {
    let call = |core: &crate::run::Core| {
        let generation = core.current.load();
        let routes = generation.manifest.routes.iter().map(RouteView::from);
        Ok(Routes {
            items: routes.collect(),
        })
    };
    calls.answer(call).await
}
