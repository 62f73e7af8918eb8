//! What happened, as a line.

use std::io::{self, Write};

use anstyle::AnsiColor;
use serde_json::{Value, json};
use tollgate_ledger::{DeliveryDetail, EventSummary};

use crate::cli::output::{printable, style_of, time};

/// The longest reason in a line, in characters.
const REASON: usize = 160;

/// Something that happened.
pub(super) enum Change<'a> {
    /// An event was recorded.
    Recorded(&'a EventSummary),
    /// An event came again: a duplicate.
    CameAgain(&'a EventSummary),
    /// A delivery has another state, or another attempt.
    Delivery(&'a EventSummary, &'a DeliveryDetail),
}

impl Change<'_> {
    /// The change as a JSON object.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Recorded(event) => json!({ "change": "recorded", "event": event }),
            Self::CameAgain(event) => json!({ "change": "came_again", "event": event }),
            Self::Delivery(event, detail) => json!({
                "change": "delivery",
                "event": event.id,
                "delivery": detail.delivery,
                "attempt": detail.tried.last(),
            }),
        }
    }
}

/// Writes a change as a line. Texts from outside cannot steer the terminal.
pub(super) fn write_change(
    out: &mut dyn Write,
    change: &Change<'_>,
    coloured: bool,
) -> io::Result<()> {
    let (at, style, text) = match change {
        Change::Recorded(event) => {
            let deliveries = match event.deliveries.len() {
                0 => "no route leads to a handler".to_owned(),
                _ => {
                    let names = event.deliveries.iter().map(|one| one.handler.as_str());
                    format!("to {}", names.collect::<Vec<_>>().join(", "))
                }
            };
            let text = format!("{} {deliveries}", about(event));
            (event.received_ms, AnsiColor::Cyan.on_default(), text)
        }
        Change::CameAgain(event) => {
            let at = event.last_duplicate_ms.unwrap_or(event.received_ms);
            let text = format!("{} came again, and is not handled again", about(event));
            (at, AnsiColor::BrightBlack.on_default(), text)
        }
        Change::Delivery(event, detail) => {
            let at = match (detail.delivery.finished_ms, detail.tried.last()) {
                (Some(finished), _) => finished,
                (None, Some(attempt)) => attempt.started_ms,
                (None, None) => event.received_ms,
            };
            let style = style_of(&detail.delivery.state);
            (at, style, format!("{} {}", about(event), ended(detail)))
        }
    };
    let text = printable(&text);
    match coloured {
        true => writeln!(out, "{} {style}{text}{style:#}", time(at)),
        false => writeln!(out, "{} {text}", time(at)),
    }
}

/// `stripe payment_intent.succeeded evt_1A2b3C`.
fn about(event: &EventSummary) -> String {
    let id = event.provider_id.as_ref().unwrap_or(&event.id);
    format!("{} {} {id}", event.source, event.kind)
}

/// `welcome: retrying after attempt 1 (12.0 ms): no answer`.
fn ended(detail: &DeliveryDetail) -> String {
    let delivery = &detail.delivery;
    let mut text = format!("{}: {}", delivery.handler, delivery.state);
    if let Some(attempt) = detail.tried.last() {
        let ms = attempt.duration_us as f64 / 1000.0;
        text.push_str(&format!(" after attempt {} ({ms:.1} ms)", attempt.number));
        if let Some(reason) = &attempt.detail {
            let first = reason.lines().next().unwrap_or_default();
            text.push_str(": ");
            text.extend(first.chars().take(REASON));
        }
        for request in &attempt.requests {
            text.push_str(&format!(", {} {}", request.method, request.url));
        }
    }
    if let Some(waits) = &delivery.waits_for {
        let error = waits.error.as_deref().unwrap_or("not asked yet");
        text.push_str(&format!(", waits for its object: {error}"));
    }
    text
}
