//! `GET /api/deliveries`, `/api/deliveries/SEQ`; `POST /api/deliveries/SEQ/retry`, `…/cancel`.
//!
//! `POST /api/deliveries/retry` and `…/cancel` change many deliveries: those with the `numbers`, or
//! those that match a `filter` with the names of the list's query. Each call changes a bounded
//! number.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answers::{bad_request, conflict, json, not_found};
use super::bulk::{BulkReport, BulkRequest, Verb, step};
use super::intervention::{Attribution, carry_out, intervention, read};
use super::query;
use crate::run::Core;
use crate::server::{ApiAnswer, ApiRequest};
use tollgate_ledger::{Action, DeliveryId, DeliveryState, DeliverySummary, Intervened, RecordList};

pub(super) fn list(core: &Core, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let (filter, page) = query::read(&request.query)?;
    json(&core.records.deliveries(&filter, &page)?)
}

pub(super) fn show(core: &Core, seq: &str) -> Result<ApiAnswer, ApiAnswer> {
    let seq = number(seq)?;
    match core.records.delivery(seq)? {
        Some(delivery) => json(&delivery),
        None => Err(not_found(format!("there is no delivery {}", seq.0))),
    }
}

/// Makes a delivery due now that waits for its next attempt, or the question for its object.
pub(super) fn retry(core: &Core, seq: &str, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    change_one(core, seq, body, Action::Retry, |state| match state {
        DeliveryState::Pending | DeliveryState::Running => "it is due already".to_owned(),
        DeliveryState::Held => "it is held: its handler is not in the manifest".to_owned(),
        state => format!("it is {state}: replay it"),
    })
}

/// Ends a delivery that has not ended.
pub(super) fn cancel(core: &Core, seq: &str, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    change_one(core, seq, body, Action::Cancel, |state| {
        format!("it is {state} already")
    })
}

/// Retries deliveries that wait for their next attempt, or cancels deliveries that have not ended.
pub(super) fn change_many(core: &Core, verb: Verb, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    let request = BulkRequest::read(body)?;
    let selected = match &request.filter {
        Some(parts) => matching(core, &request, parts)?,
        None => named(core, &request.numbers)?,
    };
    let report = request.change(
        selected,
        handler_and_state,
        |state| allows(verb, state),
        |fit| {
            let seqs = fit.iter().map(|delivery| DeliveryId(delivery.seq));
            let action = match verb {
                Verb::Retry => Action::Retry(seqs.collect()),
                Verb::Cancel => Action::Cancel(seqs.collect()),
            };
            carry_out(core, intervention(action, &request.attribution(), None)?)
        },
    )?;
    json(&report)
}

fn handler_and_state(delivery: &DeliverySummary) -> (&str, &str) {
    (&delivery.handler, &delivery.state)
}

fn allows(verb: Verb, state: &str) -> bool {
    let state = DeliveryState::from_name(state);
    match verb {
        Verb::Retry => state == Some(DeliveryState::Retrying),
        Verb::Cancel => !matches!(
            state,
            None | Some(DeliveryState::Done | DeliveryState::Ignored | DeliveryState::Dead)
        ),
    }
}

fn named(core: &Core, seqs: &[i64]) -> Result<(Vec<DeliverySummary>, BulkReport), ApiAnswer> {
    let mut found = Vec::new();
    for seq in seqs {
        match core.records.delivery(DeliveryId(*seq))? {
            Some(detail) => found.push(detail.delivery),
            None => return Err(not_found(format!("there is no delivery {seq}"))),
        }
    }
    Ok(BulkReport::of_named(found))
}

/// A page of the deliveries that match a filter, oldest first.
fn matching(
    core: &Core,
    request: &BulkRequest,
    parts: &BTreeMap<String, String>,
) -> Result<(Vec<DeliverySummary>, BulkReport), ApiAnswer> {
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
    seq: &str,
    body: &Value,
    action: fn(Vec<DeliveryId>) -> Action,
    refused: impl Fn(DeliveryState) -> String,
) -> Result<ApiAnswer, ApiAnswer> {
    let delivery = number(seq)?;
    let by: Attribution = read(body)?;
    let intervention = intervention(action(vec![delivery]), &by, None)?;
    let results = carry_out(core, intervention)?;
    match results.first() {
        Some(Intervened::Done) => show(core, seq),
        Some(Intervened::State(state)) => Err(conflict(format!(
            "delivery {seq} stays as it is: {}",
            refused(*state)
        ))),
        _ => Err(not_found(format!("there is no delivery {seq}"))),
    }
}

fn number(text: &str) -> Result<DeliveryId, ApiAnswer> {
    text.parse()
        .map(DeliveryId)
        .map_err(|_| bad_request(format!("`{text}` is no delivery's number")))
}
