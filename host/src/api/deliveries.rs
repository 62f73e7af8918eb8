//! `GET /api/deliveries`, `/api/deliveries/SEQ`.

use super::{bad_request, filter, json, not_found};
use crate::gateway::Core;
use crate::ledger::DeliverySeq;
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

fn place(text: &str) -> Result<DeliverySeq, ApiAnswer> {
    text.parse()
        .map(DeliverySeq)
        .map_err(|_| bad_request(format!("`{text}` is no delivery's number")))
}
