//! `GET /api/events`, `/api/events/ID`, `POST /api/events/ID/erase`.

use serde::Deserialize;
use serde_json::Value;

use super::{bad_request, conflict, filter, json, not_found};
use crate::run::Core;
use crate::server::{ApiAnswer, ApiRequest};
use tollgate_base::event::EventId;
use tollgate_ledger::Erased;

pub(super) fn list(core: &Core, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let (filter, page) = filter::read(&request.query).map_err(bad_request)?;
    json(&core.records.events(&filter, page)?)
}

pub(super) fn show(core: &Core, id: &str) -> Result<ApiAnswer, ApiAnswer> {
    let id = read_id(id)?;
    match core.records.event(id)? {
        Some(event) => json(&event),
        None => Err(not_found(format!("there is no event {id}"))),
    }
}

/// Who wants an event erased, for the log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    who: Option<String>,
    why: Option<String>,
}

/// Erases the payload of an event that has ended, and answers with what is left.
pub(super) fn erase(core: &Core, id: &str, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    let id = read_id(id)?;
    let wish: Wish = Wish::deserialize(body).map_err(|error| bad_request(error.to_string()))?;
    match core.ledger.erase(id)? {
        Erased::Done => {
            tracing::info!(event = %id, who = wish.who, why = wish.why, "an event was erased");
            show(core, &id.to_string())
        }
        Erased::StillDue => Err(conflict(format!(
            "event {id} is still to be delivered, or a request of it waits: cancel or await that first"
        ))),
        Erased::Unknown => Err(not_found(format!("there is no event {id}"))),
    }
}

fn read_id(id: &str) -> Result<EventId, ApiAnswer> {
    id.parse()
        .map_err(|_| bad_request(format!("`{id}` is no event's id")))
}
