//! `GET /api/events`, `/api/events/ID`.

use super::{bad_request, filter, json, not_found};
use crate::event::EventId;
use crate::gateway::Core;
use crate::server::{ApiAnswer, ApiRequest};

pub(super) fn list(core: &Core, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let (filter, page) = filter::read(&request.query).map_err(bad_request)?;
    json(&core.records.events(&filter, page)?)
}

pub(super) fn show(core: &Core, id: &str) -> Result<ApiAnswer, ApiAnswer> {
    let id: EventId = id
        .parse()
        .map_err(|_| bad_request(format!("`{id}` is no event's id")))?;
    match core.records.event(id)? {
        Some(event) => json(&event),
        None => Err(not_found(format!("there is no event {id}"))),
    }
}
