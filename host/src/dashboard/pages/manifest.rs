//! The manifest as it is understood, and the generations that were loaded.

use axum::response::IntoResponse;
use maud::{Markup, html};
use serde_json::Value;

use super::view::View;
use crate::dashboard::layout::Page;
use crate::dashboard::parts::{button, lines, printable_lines, text, time};
use crate::dashboard::query::Query;

pub(in crate::dashboard) async fn show(view: View) -> Result<impl IntoResponse, Page> {
    let generation = view.get("/api/generation", &Query::default()).await?;
    let config = view.get("/api/config", &Query::default()).await?;
    let attempts = generation["attempts"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let body = html! {
        h1 { "Manifest" }
        p { "Generation " (text(&generation["number"])) " serves, of the " (text(&generation["origin"]))
            ", loaded " (time(&generation["loaded_ms"])) "." }
        @if !generation["error"].is_null() {
            pre.said.wrong role="alert" { (lines(&generation["error"])) }
        }
        div.actions { (button(&view.session, "reload", "Reload", &[], &view.address)) }
        (warnings(&generation["warnings"]))
        section {
            h2 { "Loads" }
            ol.timeline {
                @for one in attempts { (attempt(one)) }
            }
        }
        section {
            h2 { "As it is understood" }
            p.hint { "With the defaults, and with secrets masked." }
            pre tabindex="0" { (printable_lines(&format!("{config:#}"))) }
        }
    };
    Ok(view.page("Manifest", "Manifest", &body))
}

fn attempt(one: &Value) -> Markup {
    html! {
        li {
            (time(&one["at_ms"])) " "
            @if one["error"].is_null() {
                span.state.good { "serves" } " generation " (text(&one["number"])) " of the "
                (text(&one["origin"]))
            } @else {
                span.state.bad { "failed" }
                @if one["times"].as_u64().unwrap_or(1) > 1 { " " (text(&one["times"])) " times" }
                pre.reason { (lines(&one["error"])) }
            }
        }
    }
}

fn warnings(warnings: &Value) -> Markup {
    let warnings = warnings.as_array().map_or(&[][..], Vec::as_slice);
    html! {
        @if !warnings.is_empty() {
            section {
                h2 { "Warnings" }
                ul { @for warning in warnings { li { (text(warning)) } } }
            }
        }
    }
}
