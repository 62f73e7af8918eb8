//! The list of events, with search.

use axum::response::IntoResponse;
use maud::{Markup, html};
use serde_json::Value;
use tollgate_base::rfc3339;
use tollgate_base::time::{Clock as _, SystemClock};

use super::view::View;
use crate::dashboard::layout::Page;
use crate::dashboard::parts::{choice, event_link, field, items, older, state, text, time};
use crate::dashboard::query::Query;
use crate::dashboard::refused::Refused;

/// What the API filters by.
pub(super) const FILTER: [&str; 12] = [
    "source",
    "kind",
    "provider_id",
    "subject",
    "account",
    "handler",
    "state",
    "pointer",
    "value",
    "from",
    "to",
    "after",
];

pub(super) const STATES: [&str; 9] = [
    "pending", "running", "retrying", "held", "done", "ignored", "dead", "blocked", "unrouted",
];

pub(in crate::dashboard) async fn list(view: View) -> Result<impl IntoResponse, Page> {
    let asked = times_read(&view.query.only(&FILTER))?;
    let listed = view.get("/api/events", &asked).await?;
    let body = html! {
        h1 { "Events" }
        (filter(&view.query, &STATES))
        (table(items(&listed)))
        (older("/ui/events", &view.query.only(&FILTER), &listed))
    };
    Ok(view.page("Events", "Events", &body))
}

/// The filter of events and deliveries.
pub(super) fn filter(query: &Query, states: &[&str]) -> Markup {
    let more = ["subject", "account", "pointer", "value", "from", "to"];
    let is_open = more.iter().any(|name| query.get(name).is_some());
    html! {
        form.filter method="get" role="search" {
            (field(query, "source", "Source", "stripe"))
            (field(query, "kind", "Type", "invoice.*"))
            (field(query, "provider_id", "Provider's id", "evt_…"))
            (field(query, "handler", "Handler", ""))
            (choice(query, "state", "State", states))
            details open[is_open] {
                summary { "More" }
                (field(query, "subject", "Subject", "pi_…"))
                (field(query, "account", "Account", "acct_…"))
                (field(query, "pointer", "Pointer", "/data/object/id"))
                (field(query, "value", "Value there", ""))
                (field(query, "from", "From", "2h or 2026-05-28T20:26:40Z"))
                (field(query, "to", "To", ""))
            }
            button { "Search" }
            a href="?" { "Clear" }
        }
    }
}

/// The query with times in the API's form. A time is written as in RFC 3339, or as how long ago.
pub(super) fn times_read(query: &Query) -> Result<Query, Refused> {
    let mut read = query.clone();
    for name in ["from", "to"] {
        if let Some(written) = query.get(name) {
            let millis = millis(written).ok_or_else(|| {
                let hint = "write a time such as 2026-05-28T20:26:40Z, or how long ago, such as 2h";
                Refused::new(http::StatusCode::BAD_REQUEST, format!("`{name}`: {hint}"))
            })?;
            read = read.with(name, Some(&millis));
        }
    }
    Ok(read)
}

/// Milliseconds since the Unix epoch, which the API has, stay as they are.
fn millis(written: &str) -> Option<String> {
    let written = written.trim();
    if written.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(written.to_owned());
    }
    let time = rfc3339::parse_or_ago(written, SystemClock.now())?;
    Some(time.as_millis().to_string())
}

/// Events as a table.
pub(super) fn table(events: &[Value]) -> Markup {
    html! {
        @if events.is_empty() {
            p.empty { "No events." }
        } @else {
            div.scroll {
                table {
                    thead {
                        tr {
                            th { "Received" } th { "Event" } th { "Source" } th { "Type" }
                            th { "Provider's id" } th { "Deliveries" }
                        }
                    }
                    tbody {
                        @for event in events {
                            tr {
                                td { (time(&event["received_ms"])) }
                                td { (event_link(&event["id"])) }
                                td { (text(&event["source"])) }
                                td { (text(&event["kind"])) }
                                td.id { (text(&event["provider_id"])) }
                                td { (deliveries(event)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn deliveries(event: &Value) -> Markup {
    let deliveries = event["deliveries"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let duplicates = event["duplicates"].as_u64().unwrap_or(0);
    html! {
        @if deliveries.is_empty() { span.hint { "no route" } }
        @for delivery in deliveries {
            span.pair { (text(&delivery["handler"])) " " (state(&delivery["state"])) }
        }
        @if duplicates > 0 { span.hint { " came again " (duplicates) "×" } }
    }
}
