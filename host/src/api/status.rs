//! `GET /status`: the gateway as a whole.

use axum::extract::State;
use serde_json::Value;

use super::answers::{Answer, ReadErrors};
use super::calls::Calls;

/// The status of all parts: the serving generation with its handlers, the ledger, the backlog, and
/// what was refused and noticed since the start.
#[utoipa::path(
    get,
    path = "/status",
    tag = "status",
    responses((status = 200, description = "The status.", body = Object), ReadErrors),
)]
pub(super) async fn status(State(calls): State<Calls>) -> Answer<Value> {
    calls.answer(|core| Ok(core.status())).await
}
