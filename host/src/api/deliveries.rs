//! `GET /api/deliveries`, `/api/deliveries/SEQ`; `POST /api/deliveries/SEQ/retry`, `…/cancel`.

use serde_json::Value;

use super::change::{self, Asked};
use super::{bad_request, conflict, filter, json, not_found};
use crate::gateway::Core;
use crate::ledger::{Action, DeliverySeq, DeliveryState, Intervened};
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
