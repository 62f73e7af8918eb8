//! The stream that tells an open page of changes (server-sent events).

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{Stream, unfold};
use serde_json::Value;
use tokio::time::sleep;

use super::query::Query;
use super::session::Session;
use super::shared::Dashboard;

/// The time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Tells each change of the gateway's status, at most one a second. The stream ends with the
/// listener.
pub(super) async fn stream(
    State(dashboard): State<Dashboard>,
    Extension(session): Extension<Session>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let look = move |(dashboard, session, mut before): (Dashboard, Session, Option<String>)| async move {
        let mut ended = dashboard.ended.clone();
        loop {
            tokio::select! {
                () = sleep(LOOK) => {}
                _ = ended.wait_for(|ended| *ended) => return None,
            }
            let now = seen(&dashboard, &session).await;
            if before.as_ref() != Some(&now) {
                let event = Event::default().event("change").data(now.clone());
                before = Some(now);
                return Some((Ok(event), (dashboard, session, before)));
            }
        }
    };
    Sse::new(unfold((dashboard, session, None), look)).keep_alive(KeepAlive::default())
}

/// What tells one state of the gateway from another, without what changes all the time.
async fn seen(dashboard: &Dashboard, session: &Session) -> String {
    let all = Query::default();
    let status = dashboard.api.get(&session.operator, "/status", &all);
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
