//! Refused requests, with the reasons.

use axum::response::IntoResponse;
use maud::{Markup, html};
use serde_json::Value;

use super::view::View;
use crate::dashboard::layout::Page;
use crate::dashboard::parts::{field, items, older, payload, text, time};

const FILTER: [&str; 5] = ["source", "code", "from", "to", "after"];

pub(in crate::dashboard) async fn list(view: View) -> Result<impl IntoResponse, Page> {
    let asked = super::events::times_read(&view.query.only(&FILTER))?;
    let listed = view.get("/api/rejections", &asked).await?;
    let body = html! {
        h1 { "Rejections" }
        p.hint { "Requests that were refused, so that no event was recorded. Of many alike some are \
            kept. `tollgate verify` explains a refused signature." }
        form.filter method="get" role="search" {
            (field(&view.query, "source", "Source", "stripe, or - for none"))
            (field(&view.query, "code", "Reason", "signature_mismatch"))
            (field(&view.query, "from", "From", "2h"))
            button { "Search" }
            a href="?" { "Clear" }
        }
        @if items(&listed).is_empty() { p.empty { "No rejections." } }
        @for one in items(&listed) { (rejection(one)) }
        (older("/ui/rejections", &view.query.only(&FILTER), &listed))
    };
    Ok(view.page("Rejections", "Rejections", &body))
}

fn rejection(one: &Value) -> Markup {
    let headers = one["headers"].as_array().map_or(&[][..], Vec::as_slice);
    let more = one["more"].as_u64().unwrap_or(0);
    html! {
        section.rejection {
            h2 { (text(&one["source"])) " " span.state.bad { (text(&one["code"])) } }
            p { (text(&one["reason"])) }
            p.hint {
                (time(&one["at_ms"])) " from " (text(&one["peer"])) " " (text(&one["method"])) " "
                (text(&one["path"]))
                @if more > 0 { ", and " (more) " alike before it" }
            }
            @if !headers.is_empty() {
                details {
                    summary { "Headers (" (headers.len()) ")" }
                    dl.facts {
                        @for pair in headers {
                            div { dt { (text(&pair[0])) } dd { (text(&pair[1])) } }
                        }
                    }
                }
            }
            @if !one["body"].is_null() {
                details { summary { "The first bytes" } (payload(&one["body"])) }
            }
        }
    }
}
