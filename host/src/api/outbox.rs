//! `GET /api/outbox`, `/api/outbox/SEQ`.
//!
//! `POST /api/outbox/retry` and `…/cancel` change many requests: those with the `numbers`, or those
//! that match a `filter` with the names of the list's query. Each call changes a bounded number.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answers::{bad_request, json, not_found};
use super::bulk::{BulkReport, BulkRequest, Verb, step};
use super::intervention::{carry_out, intervention};
use super::query;
use crate::outbox::{self, Changed};
use crate::run::Core;
use crate::server::{ApiAnswer, ApiRequest};
use tollgate_base::event::HandlerName;
use tollgate_ledger::{
    Action, Intervened, OutboxState, RecordList, RequestFilter, RequestHost, RequestId,
    RequestSummary,
};

impl Verb {
    /// The state of the requests that a filter without a state selects.
    fn default_state(self) -> OutboxState {
        match self {
            Self::Retry => OutboxState::Dead,
            Self::Cancel => OutboxState::Waiting,
        }
    }

    fn allows(self, state: &str) -> bool {
        state == OutboxState::Waiting.name()
            || self == Self::Retry && state == OutboxState::Dead.name()
    }
}

pub(super) fn list(core: &Core, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let (filter, page) = query::read(&request.query)?;
    json(&core.records.requests(&filter, &page)?)
}

pub(super) fn show(core: &Core, seq: &str) -> Result<ApiAnswer, ApiAnswer> {
    let seq = seq
        .parse()
        .map_err(|_| bad_request(format!("`{seq}` is no request's number")))?;
    match core.records.request(RequestId(seq))? {
        Some(request) => json(&request),
        None => Err(not_found(format!("there is no request {seq}"))),
    }
}

/// Sends requests again, or cancels them.
pub(super) fn change(core: &Core, verb: Verb, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    let request = BulkRequest::read(body)?;
    let selected = match &request.filter {
        Some(filter) => matching(core, verb, &request, filter)?,
        None => named(core, &request.numbers)?,
    };
    let report = request.change(
        selected,
        handler_and_state,
        |state| verb.allows(state),
        |fit| change_requests(core, verb, fit, &request),
    )?;
    json(&report)
}

fn handler_and_state(request: &RequestSummary) -> (&str, &str) {
    (&request.handler, &request.request.state)
}

fn named(core: &Core, seqs: &[i64]) -> Result<(Vec<RequestSummary>, BulkReport), ApiAnswer> {
    let mut found = Vec::new();
    for seq in seqs {
        match core.records.request(RequestId(*seq))? {
            Some(detail) => found.push(detail.request),
            None => return Err(not_found(format!("there is no request {seq}"))),
        }
    }
    // Requests with the same order key must keep their order.
    found.sort_by_key(|request| request.request.seq);
    found.dedup_by_key(|request| request.request.seq);
    Ok(BulkReport::of_named(found))
}

/// A page of the requests that match a filter, oldest first.
fn matching(
    core: &Core,
    verb: Verb,
    request: &BulkRequest,
    parts: &BTreeMap<String, String>,
) -> Result<(Vec<RequestSummary>, BulkReport), ApiAnswer> {
    let mut filter: RequestFilter = query::read_filter(parts)?;
    filter.state.get_or_insert(verb.default_state());
    let until = match &request.until {
        Some(until) => until.clone(),
        None => core.records.last_cursor(RecordList::Requests)?,
    };
    let page = step(request.after.clone(), until);
    let listed = core.records.requests(&filter, &page)?;
    Ok(BulkReport::of_page(listed, page))
}

fn change_requests(
    core: &Core,
    verb: Verb,
    requests: &[RequestSummary],
    request: &BulkRequest,
) -> Result<Vec<Intervened>, ApiAnswer> {
    let by = request.attribution();
    let ids = requests
        .iter()
        .map(|request| RequestId(request.request.seq));
    let action = match verb {
        Verb::Retry => Action::RetryRequests(ids.collect()),
        Verb::Cancel => {
            let mut cancelled = Vec::new();
            for id in ids {
                let event = core.ledger.outbox_request(id)?.and_then(|request| {
                    outbox::cancelled_event(core, &request, by.who(), core.clock.now())
                });
                cancelled.push((id, event.map(Box::new)));
            }
            Action::CancelRequests(cancelled)
        }
    };
    let results = carry_out(core, intervention(action, &by, None)?)?;
    let changed = requests
        .iter()
        .zip(&results)
        .filter(|(_, result)| **result == Intervened::Done)
        .map(|(request, _)| match verb {
            Verb::Retry => Changed::Due(
                HandlerName::new(request.handler.as_str()),
                RequestHost::of_url(&request.request.url),
            ),
            Verb::Cancel => Changed::Cancelled(RequestId(request.request.seq)),
        });
    if let Some(outbox) = core.outbox.get() {
        outbox.changed(changed.collect());
    }
    Ok(results)
}
