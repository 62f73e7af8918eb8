//! `GET /api/deliveries`, `/api/deliveries/SEQ`; `POST /api/deliveries/SEQ/retry`, `…/cancel`;
//! and `POST /api/deliveries/retry`, `…/cancel` for several: `numbers`, or a `filter` with the
//! names of the list's query, a bounded number in each call.

use std::collections::BTreeMap;

use serde_json::Value;

use super::change::{self, Asked, LAST, Report, Several, Verb};
use super::{bad_request, conflict, filter, json, not_found};
use crate::gateway::Core;
use crate::ledger::{
    Action, DeliverySeq, DeliveryState, DeliverySummary, Intervened, RecordFilter,
};
use crate::server::{ApiAnswer, ApiRequest};

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
    let (meant, mut report) = match &asked.filter {
        Some(parts) => matching(core, &asked, parts)?,
        None => named(core, &asked.numbers)?,
    };
    let (fit, unfit): (Vec<_>, Vec<_>) = meant
        .into_iter()
        .partition(|delivery| allows(verb, &delivery.state));
    for delivery in unfit {
        report.refuse(format!("it is {}", delivery.state));
    }
    let came = if asked.dry_run || fit.is_empty() {
        vec![Intervened::Done; fit.len()]
    } else {
        let seqs = fit.iter().map(|delivery| DeliverySeq(delivery.seq));
        let action = match verb {
            Verb::Retry => Action::Retry(seqs.collect()),
            Verb::Cancel => Action::Cancel(seqs.collect()),
        };
        change::carry_out(core, change::intervention(action, &asked.asked(), None)?)?
    };
    report.count_all(fit.iter().map(what), &came);
    json(&report)
}

/// What a report counts it as.
pub(super) fn what(delivery: &DeliverySummary) -> String {
    format!("{} {}", delivery.handler, delivery.state)
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
    let report = Report {
        matched: found.len() as u64,
        ..Report::default()
    };
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
        None => {
            let listed = core.records.deliveries(&RecordFilter::default(), LAST)?;
            listed.items.first().map_or(0, |delivery| delivery.seq)
        }
    };
    let mut listed = core.records.deliveries(&meant, asked.page())?;
    let report = Report::of_page(&mut listed.items, listed.next, until, |delivery| {
        delivery.seq
    });
    Ok((listed.items, report))
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
