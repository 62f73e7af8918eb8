//! Requests of the outbox: the list, one of them, and the retry and cancel of many.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;

use super::answers::{Answer, ApiError, ChangeErrors, ReadErrors};
use super::bulk::{BulkReport, BulkRequest, Verb, step};
use super::calls::Calls;
use super::extract::{InPath, Pairs, Posted};
use super::intervention::{carry_out, intervention};
use super::query::{self, PageQuery};
use super::request_filter::RequestQuery;
use crate::outbox::{self, Changed};
use crate::run::Core;
use crate::server::Operator;
use tollgate_base::event::HandlerName;
use tollgate_ledger::{
    Action, Intervened, Listed, OutboxState, RecordList, RequestDetail, RequestFilter, RequestHost,
    RequestId, RequestSummary,
};

impl Verb {
    /// The state of the requests that a filter without a state selects.
    fn default_state(self) -> OutboxState {
        match self {
            Self::Retry => OutboxState::Dead,
            Self::Cancel => OutboxState::Waiting,
        }
    }

    /// Why a request in this state cannot be changed; `None` if it can.
    fn why_not(self, state: &str) -> Option<String> {
        let fits = state == OutboxState::Waiting.name()
            || self == Self::Retry && state == OutboxState::Dead.name();
        (!fits).then(|| format!("it is {state}"))
    }
}

/// The requests that match a filter.
#[utoipa::path(
    get,
    path = "/api/outbox",
    tag = "outbox",
    params(RequestQuery, PageQuery),
    responses(
        (status = 200, description = "A page of requests.", body = Listed<RequestSummary>),
        ReadErrors,
    ),
)]
pub(super) async fn list(
    State(calls): State<Calls>,
    Pairs(query): Pairs,
) -> Answer<Listed<RequestSummary>> {
    let (filter, page) = query::read(&query)?;
    calls
        .answer(move |core| Ok(core.records.requests(&filter, &page)?))
        .await
}

/// One request with its tries.
#[utoipa::path(
    get,
    path = "/api/outbox/{number}",
    tag = "outbox",
    params(("number" = i64, Path, description = "The number of the request.")),
    responses((status = 200, description = "The request.", body = RequestDetail), ReadErrors),
)]
pub(super) async fn show(
    State(calls): State<Calls>,
    InPath(number): InPath,
) -> Answer<RequestDetail> {
    let number = number
        .parse()
        .map_err(|_| ApiError::bad_request(format!("`{number}` is no request's number")))?;
    calls.answer(move |core| detail(core, number)).await
}

/// Sends requests again: dead ones, or those that wait. A call changes a bounded number of them,
/// and says where the next call goes on. A filter without a state selects dead ones.
#[utoipa::path(
    post,
    path = "/api/outbox/retry",
    tag = "outbox",
    request_body = BulkRequest,
    responses((status = 200, description = "What was changed.", body = BulkReport), ChangeErrors),
)]
pub(super) async fn retry(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    Posted(request): Posted<BulkRequest>,
) -> Answer<BulkReport> {
    calls
        .answer(move |core| change(core, Verb::Retry, &request, &operator))
        .await
}

/// Cancels requests that wait. A call changes a bounded number of them, and says where the next
/// call goes on.
#[utoipa::path(
    post,
    path = "/api/outbox/cancel",
    tag = "outbox",
    request_body = BulkRequest,
    responses((status = 200, description = "What was changed.", body = BulkReport), ChangeErrors),
)]
pub(super) async fn cancel(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    Posted(request): Posted<BulkRequest>,
) -> Answer<BulkReport> {
    calls
        .answer(move |core| change(core, Verb::Cancel, &request, &operator))
        .await
}

fn detail(core: &Core, number: i64) -> Result<RequestDetail, ApiError> {
    let found = core.records.request(RequestId(number))?;
    found.ok_or_else(|| ApiError::not_found(format!("there is no request {number}")))
}

/// Sends requests again, or cancels them.
fn change(
    core: &Core,
    verb: Verb,
    request: &BulkRequest,
    operator: &Operator,
) -> Result<BulkReport, ApiError> {
    request.check()?;
    let selected = match &request.filter {
        Some(filter) => matching(core, verb, request, filter)?,
        None => named(core, &request.numbers)?,
    };
    request.change(
        selected,
        handler_and_state,
        |request| verb.why_not(&request.request.state),
        |fit| change_requests(core, verb, fit, (request, operator)),
    )
}

fn handler_and_state(request: &RequestSummary) -> (&str, &str) {
    (&request.handler, &request.request.state)
}

fn named(core: &Core, seqs: &[i64]) -> Result<(Vec<RequestSummary>, BulkReport), ApiError> {
    let found = seqs.iter().map(|seq| detail(core, *seq));
    let found = found.map(|found| found.map(|detail| detail.request));
    let mut found = found.collect::<Result<Vec<_>, _>>()?;
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
) -> Result<(Vec<RequestSummary>, BulkReport), ApiError> {
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
    (request, operator): (&BulkRequest, &Operator),
) -> Result<Vec<Intervened>, ApiError> {
    let by = request.by(operator);
    let ids = requests
        .iter()
        .map(|request| RequestId(request.request.seq));
    let action = match verb {
        Verb::Retry => Action::RetryRequests(ids.collect()),
        Verb::Cancel => {
            let mut cancelled = Vec::new();
            for id in ids {
                let event = core.ledger.outbox_request(id)?.and_then(|request| {
                    outbox::cancelled_event(core, &request, &by.who, core.clock.now())
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
