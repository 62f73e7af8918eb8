//! One event with its whole story.

use axum::extract::Path;
use axum::response::IntoResponse;
use http::header;
use maud::{Markup, html};
use serde_json::Value;

use super::history::{delivery, first_delay};
use super::view::View;
use crate::dashboard::layout::Page;
use crate::dashboard::parts::{button, event_link, payload, text, time};
use crate::dashboard::query::{Query, encoded};

pub(in crate::dashboard) async fn show(
    Path(id): Path<String>,
    view: View,
) -> Result<impl IntoResponse, Page> {
    let path = format!("/api/events/{}", encoded(&id));
    let event = view.get(&path, &Query::default()).await?;
    let history = event["history"].as_array().cloned().unwrap_or_default();
    let own = text(&event["id"]);
    let body = html! {
        h1 { (text(&event["kind"])) }
        (facts(&event))
        div.actions {
            a.button href={ "/ui/events/" (encoded(&own)) "/body" } download { "Download the bytes" }
            (button(&view.session, "route", "Route again", &[("event", &own)], &view.address))
        }
        @if history.is_empty() {
            p.empty { "No deliveries: no route led to a handler, or the source keeps such events \
                from handlers." }
        }
        @for detail in &history {
            @if let Some(after) = first_delay(&event["received_ms"], detail) {
                p.hint { "The first attempt began " (after) " after the event was received." }
            }
            (delivery(detail, &view.session, &view.address))
        }
        section {
            h2 { "Payload" }
            (payload(&event["payload"]))
        }
        (resolved(&event))
    };
    Ok(view.page(&text(&event["kind"]), "Events", &body))
}

/// The bytes, as a file: no browser shows what a stranger wrote.
pub(in crate::dashboard) async fn body(
    Path(id): Path<String>,
    view: View,
) -> Result<impl IntoResponse, Page> {
    let path = format!("/api/events/{}/body", encoded(&id));
    let bytes = view
        .dashboard
        .api
        .raw(&view.session.operator, &path)
        .await?;
    let name: String = id
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric())
        .collect();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.bin\""),
        ),
    ];
    Ok((headers, bytes))
}

fn facts(event: &Value) -> Markup {
    let shown = [
        ("Event", html! { code { (text(&event["id"])) } }),
        ("Source", html! { (text(&event["source"])) }),
        (
            "Provider's id",
            html! { code { (text(&event["provider_id"])) } },
        ),
        ("Subject", html! { (text(&event["subject"])) }),
        ("Account", html! { (text(&event["account"])) }),
        ("Created", time(&event["created_ms"])),
        ("Received", time(&event["received_ms"])),
        ("Erased", time(&event["erased_ms"])),
        ("Came again", came_again(event)),
        ("Caused by", cause(event)),
    ];
    html! {
        dl.facts {
            @for (name, value) in &shown {
                @if !matches!(value.0.as_str(), "" | "–" | "<code>–</code>") {
                    div { dt { (name) } dd { (value) } }
                }
            }
        }
        (pairs("Headers", &event["headers"]))
        (pairs("Metadata", &event["metadata"]))
    }
}

fn came_again(event: &Value) -> Markup {
    let times = event["duplicates"].as_u64().unwrap_or(0);
    let differing = event["duplicates_differing"].as_u64().unwrap_or(0);
    html! {
        @if times > 0 {
            (times) " times, " (differing) " with other bytes, the last "
            (time(&event["last_duplicate_ms"]))
        }
    }
}

fn cause(event: &Value) -> Markup {
    html! { @if event["cause"].is_string() { (event_link(&event["cause"])) } }
}

fn pairs(title: &str, pairs: &Value) -> Markup {
    let pairs = pairs.as_array().map_or(&[][..], Vec::as_slice);
    html! {
        @if !pairs.is_empty() {
            details {
                summary { (title) " (" (pairs.len()) ")" }
                dl.facts {
                    @for pair in pairs { div { dt { (text(&pair[0])) } dd { (text(&pair[1])) } } }
                }
            }
        }
    }
}

/// What the provider's API told of a thin event.
fn resolved(event: &Value) -> Markup {
    let told = &event["resolved"];
    html! {
        @if !told.is_null() {
            section {
                h2 { "Object, read " (time(&told["at_ms"])) }
                @match told["object"]["found"].is_null() {
                    true => p.hint { "The provider no longer has the object." },
                    false => (payload(&told["object"]["found"])),
                }
            }
        }
    }
}
