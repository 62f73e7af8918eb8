//! Requests of handlers.

use axum::response::IntoResponse;
use maud::{Markup, html};
use serde_json::Value;

use super::view::View;
use crate::dashboard::layout::Page;
use crate::dashboard::parts::{
    button, choice, delivery_link, field, handler_link, items, older, state, text, time,
};
use crate::dashboard::query::{Query, encoded};

const FILTER: [&str; 6] = ["handler", "state", "host", "from", "to", "after"];
const STATES: [&str; 3] = ["waiting", "sent", "dead"];

pub(in crate::dashboard) async fn list(view: View) -> Result<impl IntoResponse, Page> {
    if let Some(number) = view.query.get("request") {
        return one(&view, number).await;
    }
    let asked = super::events::times_read(&view.query.only(&FILTER))?;
    let listed = view.get("/api/outbox", &asked).await?;
    let body = html! {
        h1 { "Outbox" }
        form.filter method="get" role="search" {
            (field(&view.query, "handler", "Handler", ""))
            (choice(&view.query, "state", "State", &STATES))
            (field(&view.query, "from", "From", "2h"))
            button { "Search" }
            a href="?" { "Clear" }
        }
        (table(items(&listed), &view))
        (older("/ui/outbox", &view.query.only(&FILTER), &listed))
    };
    Ok(view.page("Outbox", "Outbox", &body))
}

async fn one(view: &View, number: &str) -> Result<Page, Page> {
    let path = format!("/api/outbox/{}", encoded(number));
    let request = view.get(&path, &Query::default()).await?;
    let tries = request["tried"].as_array().cloned().unwrap_or_default();
    let body = html! {
        h1 { (text(&request["method"])) " " (text(&request["url"])) }
        (table(std::slice::from_ref(&request), view))
        h2 { "Tries" }
        ol.timeline {
            @for one in &tries {
                li { (time(&one["at_ms"])) @if one["at_ms"].is_null() { (time(&one["started_ms"])) }
                    " " (text(&one["status"])) " " (text(&one["error"])) }
            }
        }
        @if tries.is_empty() { p.empty { "Not tried yet." } }
    };
    Ok(view.page("Request", "Outbox", &body))
}

fn table(requests: &[Value], view: &View) -> Markup {
    html! {
        @if requests.is_empty() {
            p.empty { "No requests." }
        } @else {
            div.scroll {
                table {
                    thead {
                        tr {
                            th { "Request" } th { "Handler" } th { "Delivery" } th { "To" } th { "State" }
                            th.number { "Tries" } th { "Last answer" } th { "Due" } th { "" }
                        }
                    }
                    tbody {
                        @for one in requests { (row(one, view)) }
                    }
                }
            }
        }
    }
}

fn row(one: &Value, view: &View) -> Markup {
    let number = text(&one["seq"]);
    let fields = [("request", number.as_str())];
    let waits = one["state"] == "waiting";
    html! {
        tr {
            td { a.id href={ "/ui/outbox?request=" (encoded(&number)) } { "#" (number) } }
            td { (handler_link(&one["handler"])) }
            td { (delivery_link(&one["delivery"])) }
            td.long { (text(&one["method"])) " " (text(&one["url"])) }
            td { (state(&one["state"])) }
            td.number { (text(&one["tries"])) }
            td.long { (text(&one["status"])) @if !one["error"].is_null() { " " (text(&one["error"])) } }
            td { (time(&one["due_ms"])) }
            td {
                @if waits || one["state"] == "dead" {
                    (button(&view.session, "retry-request", "Send now", &fields, &view.address))
                }
                @if waits { (button(&view.session, "cancel-request", "Give up", &fields, &view.address)) }
            }
        }
    }
}
