//! `GET /api/deliveries`, `/api/deliveries/SEQ`; `POST /api/deliveries/SEQ/retry`, `…/cancel`;
//! and `POST /api/deliveries/retry`, `…/cancel` for several: `numbers`, or a `filter` with the
//! names of the list's query, a bounded number in each call.

use std::collections::BTreeMap;

use serde_json::Value;

use super::change::{self, Asked, LAST, Report, Several, Verb};
use super::{bad_request, conflict, filter, json, not_found};
use crate::run::Core;
use crate::server::{ApiAnswer, ApiRequest};
use tollgate_ledger::{
    Action, DeliverySeq, DeliveryState, DeliverySummary, Intervened, RecordFilter,
};

pub(super) fn list(core: &Core, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let (filter, page) = filter::read(&request.query).map_err(bad_request)?;
    json(&core.records.deliveries(&filter, page)?)
}

pub(super) fn show(core: &Core, seq: &str) -> Result<ApiAnswer, ApiAnswer> {
    let seq = place(seq)?;
    match core.records.delivery(seq)? {
        Some(delivery) => json(&delivery),
        None => Err(not_found(format!("there is no delivery {}", seq.0))),
    }
}

/// Has a delivery that waits for its next attempt tried now.
pub(super) fn retry(core: &Core, seq: &str, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    change_one(core, seq, body, Action::Retry, |state| match state {
        DeliveryState::Pending | DeliveryState::Running => {
            "it is due already: nothing needs to be done".to_owned()
        }
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

/// Tries or ends several: those that are retrying; those that have not ended.
pub(super) fn several(core: &Core, verb: Verb, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    let asked = Several::read(body)?;
    let meant = match &asked.filter {
        Some(parts) => matching(core, &asked, parts)?,
        None => named(core, &asked.numbers)?,
    };
    let report = asked.change(
        meant,
        of,
        |state| allows(verb, state),
        |fit| {
            let seqs = fit.iter().map(|delivery| DeliverySeq(delivery.seq));
            let action = match verb {
                Verb::Retry => Action::Retry(seqs.collect()),
                Verb::Cancel => Action::Cancel(seqs.collect()),
            };
            change::carry_out(core, change::intervention(action, &asked.asked(), None)?)
        },
    )?;
    json(&report)
}

/// Its handler and its state.
fn of(delivery: &DeliverySummary) -> (&str, &str) {
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

fn named(core: &Core, seqs: &[i64]) -> Result<(Vec<DeliverySummary>, Report), ApiAnswer> {
    let mut found = Vec::new();
    for seq in seqs {
        match core.records.delivery(DeliverySeq(*seq))? {
            Some(detail) => found.push(detail.delivery),
            None => return Err(not_found(format!("there is no delivery {seq}"))),
        }
    }
    let report = Report::of_named(&found);
    Ok((found, report))
}

/// A page of the deliveries that match, in their order.
fn matching(
    core: &Core,
    asked: &Several,
    parts: &BTreeMap<String, String>,
) -> Result<(Vec<DeliverySummary>, Report), ApiAnswer> {
    let meant = filter::of_parts(parts).map_err(bad_request)?;
    let until = match asked.until {
        Some(until) => until,
        None => last(core)?,
    };
    let mut listed = core
        .records
        .deliveries(&meant, change::step_after(asked.after))?;
    let report = Report::of_page(&mut listed.items, listed.next, until, |delivery| {
        delivery.seq
    });
    Ok((listed.items, report))
}

/// The last place that there is now.
pub(super) fn last(core: &Core) -> Result<i64, ApiAnswer> {
    let listed = core.records.deliveries(&RecordFilter::default(), LAST)?;
    Ok(listed.items.first().map_or(0, |delivery| delivery.seq))
}

fn change_one(
    core: &Core,
    seq: &str,
    body: &Value,
    action: fn(Vec<DeliverySeq>) -> Action,
    refused: impl Fn(DeliveryState) -> String,
) -> Result<ApiAnswer, ApiAnswer> {
    let seq_of = place(seq)?;
    let asked: Asked = change::read(body)?;
    let intervention = change::intervention(action(vec![seq_of]), &asked, None)?;
    let came = change::carry_out(core, intervention)?;
    match came.first() {
        Some(Intervened::Done) => show(core, seq),
        Some(Intervened::State(state)) => Err(conflict(format!(
            "delivery {seq} stays as it is: {}",
            refused(*state)
        ))),
        _ => Err(not_found(format!("there is no delivery {seq}"))),
    }
}

fn place(text: &str) -> Result<DeliverySeq, ApiAnswer> {
    text.parse()
        .map(DeliverySeq)
        .map_err(|_| bad_request(format!("`{text}` is no delivery's number")))
}
