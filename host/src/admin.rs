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
use crate::dashboard::{self, Api, Changes, Dashboard, Sample, Trends};
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

    fn routes(self: Arc<Self>, ended: watch::Receiver<bool>) -> Router {
        let api = api::router(self.clone(), ended.clone());
        Router::new()
            .merge(api.clone())
            .merge(dashboard::routes(dashboard_of(self, api, ended)))
            .fallback(nothing)
            .layer(map_response(finished))
    }
}

/// The dashboard, over the API.
fn dashboard_of(core: Arc<Core>, api: Router, ended: watch::Receiver<bool>) -> Dashboard {
    let trends = Arc::new(Trends::default());
    let counted = core.clone();
    let watching = trends
        .clone()
        .watch(move || sample(&counted), ended.clone());
    tokio::spawn(watching);
    let api = Api::new(api);
    let seen = api.clone();
    Dashboard {
        changes: Changes::of(move || dashboard::seen(seen.clone())),
        api,
        tokens: Arc::new(move || core.tokens()),
        trends,
        ended,
        sessions: Arc::default(),
    }
}

/// What was counted so far. `None` until the totals of the ledger are there.
fn sample(core: &Core) -> Option<Sample> {
    let counts = core.totals.lock().as_ref()?.counts.clone();
    let rejected = core.rejections.snapshot();
    let mut sample = Sample {
        recorded: counts.events,
        duplicates: counts.duplicates,
        refused: rejected.iter().map(|one| one.count).sum(),
        ..Sample::default()
    };
    for (_, queue) in core.dispatcher.status() {
        for (outcome, many) in queue.outcomes.iter() {
            match outcome.name() {
                "done" | "ignored" => sample.handled += many,
                _ => sample.failed += many,
            }
        }
    }
    Some(sample)
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
