//! Events: the list, one of them, and the erasure of its payload.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use super::answers::{Answer, ApiError, ChangeErrors, ReadErrors};
use super::calls::Calls;
use super::extract::{InPath, Pairs, Posted};
use super::intervention::Attribution;
use super::query::{self, PageQuery};
use super::record_filter::RecordQuery;
use crate::run::Core;
use crate::server::Operator;
use tollgate_base::event::EventId;
use tollgate_ledger::{Erased, EventDetail, EventSummary, Listed, find_event};

/// The events that match a filter.
#[utoipa::path(
    get,
    path = "/api/events",
    tag = "events",
    params(RecordQuery, PageQuery),
    responses(
        (status = 200, description = "A page of events.", body = Listed<EventSummary>),
        ReadErrors,
    ),
)]
pub(super) async fn list(
    State(calls): State<Calls>,
    Pairs(query): Pairs,
) -> Answer<Listed<EventSummary>> {
    let (filter, page) = query::read(&query)?;
    calls
        .answer(move |core| Ok(core.records.events(&filter, &page)?))
        .await
}

/// One event with its payload and its deliveries.
#[utoipa::path(
    get,
    path = "/api/events/{id}",
    tag = "events",
    params(("id" = String, Path, description = "The gateway's id of the event, a UUID, or its beginning if no other event has the same.")),
    responses((status = 200, description = "The event.", body = EventDetail), ReadErrors),
)]
pub(super) async fn show(State(calls): State<Calls>, InPath(id): InPath) -> Answer<EventDetail> {
    calls
        .answer(move |core| detail(core, find_id(core, &id)?))
        .await
}

/// The bytes of one event, exactly as they were signed (for a batch, those of its item).
#[utoipa::path(
    get,
    path = "/api/events/{id}/body",
    tag = "events",
    params(("id" = String, Path, description = "The gateway's id of the event, a UUID, or its beginning if no other event has the same.")),
    responses(
        (
            status = 200,
            description = "The bytes.",
            content_type = "application/octet-stream",
            body = [u8],
            headers(("content-disposition" = String, description = "`attachment`, with a name.")),
        ),
        ReadErrors,
    ),
)]
pub(super) async fn body(
    State(calls): State<Calls>,
    InPath(id): InPath,
) -> Result<Response, ApiError> {
    let found = calls.run(move |core| {
        let id = find_id(core, &id)?;
        let event = core.records.event_to_run(id)?;
        let event = event.ok_or_else(|| {
            ApiError::not_found(format!("there is no event {id}, or its payload is erased"))
        });
        Ok((id, event?))
    });
    let (id, event) = found.await?;
    // The bytes are a stranger's: no browser shows them, whatever they look like.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.bin\""),
        ),
    ];
    Ok((headers, event.payload).into_response())
}

/// Erases the payload of an event that has ended. Answers with the event without it.
#[utoipa::path(
    post,
    path = "/api/events/{id}/erase",
    tag = "events",
    params(("id" = String, Path, description = "The gateway's id of the event, a UUID, or its beginning if no other event has the same.")),
    request_body = Attribution,
    responses(
        (status = 200, description = "The event afterwards.", body = EventDetail),
        ChangeErrors,
    ),
)]
pub(super) async fn erase(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    InPath(id): InPath,
    Posted(said): Posted<Attribution>,
) -> Answer<EventDetail> {
    let by = said.by(&operator);
    let call = move |core: &Core| {
        let id = find_id(core, &id)?;
        match core.ledger.erase(id)? {
            Erased::Done => {
                tracing::info!(event = %id, who = by.who, why = by.why, "an event was erased");
                detail(core, id)
            }
            Erased::StillDue => Err(ApiError::conflict(format!(
                "event {id} is still to be delivered, or a request of it waits: cancel it or wait \
                 for it first"
            ))),
            Erased::Unknown => Err(unknown(id)),
        }
    };
    calls.answer(call).await
}

fn detail(core: &Core, id: EventId) -> Result<EventDetail, ApiError> {
    core.records.event(id)?.ok_or_else(|| unknown(id))
}

/// There is no event with this id.
pub(super) fn unknown(id: EventId) -> ApiError {
    ApiError::not_found(format!("there is no event {id}"))
}

/// The id of the event that a text means: the id, or its beginning if no other event has the same.
pub(super) fn find_id(core: &Core, text: &str) -> Result<EventId, ApiError> {
    Ok(find_event(&*core.records, text)?)
}
