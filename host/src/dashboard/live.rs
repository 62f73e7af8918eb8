//! The stream that tells an open page of changes (server-sent events).

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{Stream, unfold};
use serde_json::Value;
use tokio::sync::watch;

use super::api::Api;
use super::query::Query;
use super::shared::Dashboard;
use crate::server::Operator;

/// Tells each change of the gateway's status, at most one a second. The stream ends with the
/// listener.
pub(super) async fn stream(
    State(dashboard): State<Dashboard>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let seen = dashboard.changes.subscribe();
    let next = |(mut seen, mut ended, told): (
        watch::Receiver<String>,
        watch::Receiver<bool>,
        String,
    )| async move {
        let now = tokio::select! {
            now = seen.wait_for(|now| !now.is_empty() && *now != told) => now.ok()?.clone(),
            _ = ended.wait_for(|ended| *ended) => return None,
        };
        let event = Event::default().event("change").data(now.clone());
        Some((Ok(event), (seen, ended, now)))
    };
    let ended = dashboard.ended.clone();
    Sse::new(unfold((seen, ended, String::new()), next)).keep_alive(KeepAlive::default())
}

/// What tells one state of the gateway from another, without what changes all the time.
pub(crate) async fn seen(api: Api) -> String {
    let all = Query::default();
    // The status is the same for every operator.
    let status = api.get(&Operator::LOCAL, "/status", &all);
    let Ok(mut status) = status.await else {
        return "unknown".to_owned();
    };
    let volatile = ["now_ms", "guests"];
    for name in volatile {
        status[name] = Value::Null;
    }
    status["ledger"]["log"] = Value::Null;
    status["backlog"]["age_ms"] = Value::Null;
    // A hash is enough: the page fetches what it shows.
    let mut hasher = DefaultHasher::new();
    status.to_string().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
