//! What became of a delivery: interventions, attempts with their logs, effects and requests.

use maud::{Markup, html};
use serde_json::Value;
use tollgate_base::quantity::rough_duration;

use crate::dashboard::parts::{
    button, delivery_link, event_link, handler_link, lines, short, state, text, time,
};
use crate::dashboard::session::Session;

/// A delivery with its story. `back` is the page that its buttons come back to.
pub(super) fn delivery(detail: &Value, session: &Session, back: &str) -> Markup {
    html! {
        section.delivery {
            h2 {
                "Delivery " (delivery_link(&detail["seq"])) " to " (handler_link(&detail["handler"]))
                " " (state(&detail["state"]))
            }
            (about(detail))
            (buttons(detail, session, back))
            ol.timeline {
                @for entry in entries(detail) { (entry) }
            }
        }
    }
}

fn about(detail: &Value) -> Markup {
    let blocked = &detail["blocked_by"];
    let waits = &detail["waits_for"];
    html! {
        @if !detail["due_ms"].is_null() { p { "Next attempt: " (time(&detail["due_ms"])) } }
        @if !blocked.is_null() {
            p { "Waits behind " @if blocked["seq"].is_number() { (delivery_link(&blocked["seq"])) }
                @else { (text(blocked)) } " of the same order key." }
        }
        @if !waits.is_null() {
            p { "Waits for its object" @if !waits["error"].is_null() { ": " (text(&waits["error"])) } "." }
        }
    }
}

/// What fits the delivery's state.
fn buttons(detail: &Value, session: &Session, back: &str) -> Markup {
    let number = text(&detail["seq"]);
    let fields = [("delivery", number.as_str())];
    let name = detail["state"].as_str().unwrap_or_default();
    html! {
        div.actions {
            @if matches!(name, "done" | "ignored" | "dead") {
                (button(session, "check-replay", "Check a replay", &fields, back))
                (button(session, "replay", "Replay", &fields, back))
            }
            @if name == "retrying" { (button(session, "retry", "Try now", &fields, back)) }
            @if matches!(name, "pending" | "retrying" | "held" | "blocked") {
                (button(session, "cancel", "Give up", &fields, back))
            }
        }
    }
}

/// Interventions and attempts, in the order of their times.
fn entries(detail: &Value) -> Vec<Markup> {
    let list = |name: &str| detail[name].as_array().cloned().unwrap_or_default();
    let mut entries: Vec<(u64, Markup)> = Vec::new();
    for one in list("interventions") {
        let at = one["at_ms"].as_u64().unwrap_or(0);
        entries.push((at, intervention(&one)));
    }
    for one in list("tried") {
        let at = one["started_ms"].as_u64().unwrap_or(0);
        entries.push((at, attempt(&one)));
    }
    entries.sort_by_key(|(at, _)| *at);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

fn intervention(one: &Value) -> Markup {
    html! {
        li.by-hand {
            (time(&one["at_ms"])) " " strong { (text(&one["action"])) } " by " (text(&one["who"]))
            @if !one["why"].is_null() { ": " (text(&one["why"])) }
        }
    }
}

fn attempt(one: &Value) -> Markup {
    let micros = one["duration_us"].as_u64().unwrap_or(0);
    let list = |name: &str| one[name].as_array().cloned().unwrap_or_default();
    html! {
        li {
            p {
                (time(&one["started_ms"])) " attempt " (text(&one["number"]))
                @if one["run"].as_u64().unwrap_or(0) > 0 { " of run " (text(&one["run"])) }
                " " (state(&one["outcome"]))
                span.hint { " " (format!("{:.1} ms", micros as f64 / 1000.0)) }
                @if let Some(digest) = one["component"].as_str() {
                    span.hint title=(digest) { " component " (digest.get(..12).unwrap_or(digest)) }
                }
            }
            @if !one["detail"].is_null() { pre.reason { (lines(&one["detail"])) } }
            (logs(&list("logs")))
            @for asked in list("immediate") {
                p.effect { "asked " (text(&asked["method"])) " " (text(&asked["url"])) " → "
                    (text(&asked["status"])) @if !asked["error"].is_null() { " " (text(&asked["error"])) } }
            }
            @for request in list("requests") { (sent(&request)) }
            @for event in list("emitted") {
                p.effect { "emitted " (event_link(&event["id"])) " " (text(&event["kind"])) }
            }
        }
    }
}

fn logs(logs: &[Value]) -> Markup {
    html! {
        @if !logs.is_empty() {
            details open[logs.len() <= 5] {
                summary { (logs.len()) " log line" @if logs.len() != 1 { "s" } }
                pre.log {
                    @for line in logs {
                        (text(&line["level"])) "  " (text(&line["message"]))
                        @for pair in line["fields"].as_array().into_iter().flatten() {
                            "  " (text(&pair[0])) "=" (text(&pair[1]))
                        }
                        "\n"
                    }
                }
            }
        }
    }
}

fn sent(request: &Value) -> Markup {
    let number = text(&request["seq"]);
    html! {
        p.effect {
            "request " a.id href={ "/ui/outbox?request=" (number) } { "#" (number) } " "
            (text(&request["method"])) " " (text(&request["url"])) " " (state(&request["state"]))
            @if !request["status"].is_null() { " answered " (text(&request["status"])) }
            @if !request["error"].is_null() { " " (text(&request["error"])) }
            span.hint title=(text(&request["idempotency_key"])) {
                " key " (short(&text(&request["idempotency_key"])))
            }
        }
    }
}

/// How long the first attempt began after the event was received.
pub(super) fn first_delay(received: &Value, detail: &Value) -> Option<String> {
    let first = detail["tried"][0]["started_ms"].as_u64()?;
    Some(rough_duration(first.saturating_sub(received.as_u64()?)))
}
