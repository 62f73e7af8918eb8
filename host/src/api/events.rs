//! `GET /api/events`, `/api/events/ID`, `POST /api/events/ID/erase`.

use serde_json::Value;

use super::answers::{bad_request, conflict, json, not_found};
use super::intervention::{Attribution, read};
use super::query;
use crate::run::Core;
use crate::server::{ApiAnswer, ApiRequest};
use tollgate_base::event::EventId;
use tollgate_ledger::Erased;

pub(super) fn list(core: &Core, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let (filter, page) = query::read(&request.query)?;
    json(&core.records.events(&filter, &page)?)
}

pub(super) fn show(core: &Core, id: &str) -> Result<ApiAnswer, ApiAnswer> {
    let id = read_id(id)?;
    match core.records.event(id)? {
        Some(event) => json(&event),
        None => Err(not_found(format!("there is no event {id}"))),
    }
}

/// Erases the payload of an event that has ended. Answers with the event without it.
pub(super) fn erase(core: &Core, id: &str, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    let id = read_id(id)?;
    let by: Attribution = read(body)?;
    match core.ledger.erase(id)? {
        Erased::Done => {
            tracing::info!(event = %id, who = by.who, why = by.why, "an event was erased");
            show(core, &id.to_string())
        }
        Erased::StillDue => Err(conflict(format!(
            "event {id} is still to be delivered, or a request of it waits: cancel it or wait for it first"
        ))),
        Erased::Unknown => Err(not_found(format!("there is no event {id}"))),
    }
}

/// The event id of a text.
pub(super) fn read_id(id: &str) -> Result<EventId, ApiAnswer> {
    id.parse()
        .map_err(|_| bad_request(format!("`{id}` is no event's id")))
}
