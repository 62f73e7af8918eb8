//! Deliveries: the list, one of them, and their retry and cancel, one by one or many.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;

use super::answers::{Answer, ApiError, ChangeErrors, ReadErrors};
use super::bulk::{BulkReport, BulkRequest, Verb, step};
use super::calls::Calls;
use super::extract::{InPath, Pairs, Posted};
use super::intervention::{Attribution, By, carry_out, intervention};
use super::query::{self, PageQuery};
use super::record_filter::RecordQuery;
use crate::run::Core;
use crate::server::Operator;
use tollgate_ledger::{
    Action, DeliveryDetail, DeliveryId, DeliveryState, DeliverySummary, Intervened, Listed,
    RecordList,
};

/// The deliveries that match a filter.
#[utoipa::path(
    get,
    path = "/api/deliveries",
    tag = "deliveries",
    params(RecordQuery, PageQuery),
    responses(
        (status = 200, description = "A page of deliveries.", body = Listed<DeliverySummary>),
        ReadErrors,
    ),
)]
pub(super) async fn list(
    State(calls): State<Calls>,
    Pairs(query): Pairs,
) -> Answer<Listed<DeliverySummary>> {
    let (filter, page) = query::read(&query)?;
    calls
        .answer(move |core| Ok(core.records.deliveries(&filter, &page)?))
        .await
}

/// One delivery with its attempts and the interventions of operators.
#[utoipa::path(
    get,
    path = "/api/deliveries/{number}",
    tag = "deliveries",
    params(("number" = i64, Path, description = "The number of the delivery.")),
    responses((status = 200, description = "The delivery.", body = DeliveryDetail), ReadErrors),
)]
pub(super) async fn show(
    State(calls): State<Calls>,
    InPath(number): InPath,
) -> Answer<DeliveryDetail> {
    let number = read_number(&number)?;
    calls.answer(move |core| detail(core, number)).await
}

/// Makes a delivery due now that waits for its next attempt, or for the object of its event.
#[utoipa::path(
    post,
    path = "/api/deliveries/{number}/retry",
    tag = "deliveries",
    params(("number" = i64, Path, description = "The number of the delivery.")),
    request_body = Attribution,
    responses(
        (status = 200, description = "The delivery afterwards.", body = DeliveryDetail),
        ChangeErrors,
    ),
)]
pub(super) async fn retry(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    InPath(number): InPath,
    Posted(said): Posted<Attribution>,
) -> Answer<DeliveryDetail> {
    let number = read_number(&number)?;
    let by = said.by(&operator);
    calls
        .answer(move |core| change_one(core, number, &by, Verb::Retry))
        .await
}

/// Ends a delivery that has not ended.
#[utoipa::path(
    post,
    path = "/api/deliveries/{number}/cancel",
    tag = "deliveries",
    params(("number" = i64, Path, description = "The number of the delivery.")),
    request_body = Attribution,
    responses(
        (status = 200, description = "The delivery afterwards.", body = DeliveryDetail),
        ChangeErrors,
    ),
)]
pub(super) async fn cancel(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    InPath(number): InPath,
    Posted(said): Posted<Attribution>,
) -> Answer<DeliveryDetail> {
    let number = read_number(&number)?;
    let by = said.by(&operator);
    calls
        .answer(move |core| change_one(core, number, &by, Verb::Cancel))
        .await
}

/// Makes many deliveries due now that wait for their next attempt. A call changes a bounded number
/// of them, and says where the next call goes on.
#[utoipa::path(
    post,
    path = "/api/deliveries/retry",
    tag = "deliveries",
    request_body = BulkRequest,
    responses((status = 200, description = "What was changed.", body = BulkReport), ChangeErrors),
)]
pub(super) async fn retry_many(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    Posted(request): Posted<BulkRequest>,
) -> Answer<BulkReport> {
    calls
        .answer(move |core| change_many(core, Verb::Retry, &request, &operator))
        .await
}

/// Ends many deliveries that have not ended. A call changes a bounded number of them, and says
/// where the next call goes on.
#[utoipa::path(
    post,
    path = "/api/deliveries/cancel",
    tag = "deliveries",
    request_body = BulkRequest,
    responses((status = 200, description = "What was changed.", body = BulkReport), ChangeErrors),
)]
pub(super) async fn cancel_many(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    Posted(request): Posted<BulkRequest>,
) -> Answer<BulkReport> {
    calls
        .answer(move |core| change_many(core, Verb::Cancel, &request, &operator))
        .await
}

fn detail(core: &Core, number: DeliveryId) -> Result<DeliveryDetail, ApiError> {
    let found = core.records.delivery(number)?;
    found.ok_or_else(|| ApiError::not_found(format!("there is no delivery {}", number.0)))
}

/// Retries deliveries that wait for their next attempt, or cancels deliveries that have not ended.
fn change_many(
    core: &Core,
    verb: Verb,
    request: &BulkRequest,
    operator: &Operator,
) -> Result<BulkReport, ApiError> {
    request.check()?;
    let selected = match &request.filter {
        Some(parts) => matching(core, request, parts)?,
        None => named(core, &request.numbers)?,
    };
    request.change(
        selected,
        handler_and_state,
        |delivery| why_not(verb, delivery),
        |fit| {
            let seqs = fit.iter().map(|delivery| DeliveryId(delivery.seq));
            let action = action(verb, seqs.collect());
            carry_out(core, intervention(action, &request.by(operator), None)?)
        },
    )
}

fn handler_and_state(delivery: &DeliverySummary) -> (&str, &str) {
    (&delivery.handler, &delivery.state)
}

fn action(verb: Verb, deliveries: Vec<DeliveryId>) -> Action {
    match verb {
        Verb::Retry => Action::Retry(deliveries),
        Verb::Cancel => Action::Cancel(deliveries),
    }
}

/// Why a delivery cannot be changed, and what can be done; `None` if it can.
fn why_not(verb: Verb, delivery: &DeliverySummary) -> Option<String> {
    use DeliveryState::{Dead, Done, Held, Ignored, Pending, Retrying, Running};
    let name = &delivery.state;
    let state = DeliveryState::from_name(name)?;
    match (verb, state) {
        (Verb::Retry, Retrying) => None,
        (Verb::Retry, Pending) if delivery.waits_for.is_some() => None,
        (Verb::Retry, Pending) if delivery.blocked_by.is_some() => {
            Some("it waits behind another delivery of its order key".to_owned())
        }
        (Verb::Retry, Pending | Running) => Some("it is due already".to_owned()),
        (Verb::Retry, Held) => Some(
            "it is held: its handler is not in the manifest; `tollgate replay --routes --state \
             held` gives its event to the handlers of the present routes"
                .to_owned(),
        ),
        (Verb::Retry, Dead | Done | Ignored) => Some(format!(
            "it is {name}: `tollgate replay --delivery NUMBER` handles its event again"
        )),
        (Verb::Cancel, Dead | Done | Ignored) => Some(format!("it is {name} already")),
        (Verb::Cancel, _) => None,
    }
}

fn named(core: &Core, seqs: &[i64]) -> Result<(Vec<DeliverySummary>, BulkReport), ApiError> {
    let found = seqs.iter().map(|seq| detail(core, DeliveryId(*seq)));
    let found = found.map(|found| found.map(|detail| detail.delivery));
    Ok(BulkReport::of_named(found.collect::<Result<_, _>>()?))
}

/// A page of the deliveries that match a filter, oldest first.
fn matching(
    core: &Core,
    request: &BulkRequest,
    parts: &BTreeMap<String, String>,
) -> Result<(Vec<DeliverySummary>, BulkReport), ApiError> {
    let filter = query::read_filter(parts)?;
    let until = match &request.until {
        Some(until) => until.clone(),
        None => core.records.last_cursor(RecordList::Deliveries)?,
    };
    let page = step(request.after.clone(), until);
    let listed = core.records.deliveries(&filter, &page)?;
    Ok(BulkReport::of_page(listed, page))
}

fn change_one(
    core: &Core,
    number: DeliveryId,
    by: &By,
    verb: Verb,
) -> Result<DeliveryDetail, ApiError> {
    let intervention = intervention(action(verb, vec![number]), by, None)?;
    let results = carry_out(core, intervention)?;
    let found = detail(core, number)?;
    let Some(Intervened::State(state)) = results.first() else {
        return Ok(found);
    };
    let why = why_not(verb, &found.delivery).unwrap_or_else(|| format!("it was {state}"));
    let number = number.0;
    let why = why.replace("NUMBER", &number.to_string());
    let message = format!("delivery {number} stays as it is: {why}");
    Err(ApiError::conflict(message))
}

fn read_number(text: &str) -> Result<DeliveryId, ApiError> {
    text.parse()
        .map(DeliveryId)
        .map_err(|_| ApiError::bad_request(format!("`{text}` is no delivery's number")))
}
