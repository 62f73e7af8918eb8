//! Handlers: what runs, how it goes, and what holds it back.

use axum::response::IntoResponse;
use maud::{Markup, html};
use serde_json::Value;

use super::view::View;
use crate::dashboard::layout::Page;
use crate::dashboard::parts::{button, handler_link, items, state, text};
use crate::dashboard::query::Query;

pub(in crate::dashboard) async fn list(view: View) -> Result<impl IntoResponse, Page> {
    let listed = view.get("/api/handlers", &Query::default()).await?;
    let body = html! {
        h1 { "Handlers" }
        @if items(&listed).is_empty() { p.empty { "No handlers." } }
        div.cards {
            @for handler in items(&listed) { (card(handler, &view)) }
        }
    };
    Ok(view.page("Handlers", "Handlers", &body))
}

fn card(handler: &Value, view: &View) -> Markup {
    let name = text(&handler["name"]);
    let fields = [("handler", name.as_str())];
    let paused = !handler["paused"].is_null();
    html! {
        section.card {
            h2 { (handler_link(&handler["name"])) " " (health(handler)) }
            @if handler["present"] == false { p.hint { "It is not in the manifest." } }
            dl.facts {
                (fact("Component", &digest(handler)))
                (fact("File", &text(&handler["file"])))
                (fact("Queued", &text(&handler["queued"])))
                (fact("Running", &text(&handler["running"])))
                (fact("Ended", &outcomes(&handler["outcomes"])))
                (fact("Latency", &latency(&handler["latency"])))
            }
            (trial(handler))
            div.actions {
                @if paused {
                    (button(&view.session, "resume", "Resume", &fields, &view.address))
                } @else if handler["present"] != false {
                    (button(&view.session, "pause", "Pause", &fields, &view.address))
                }
                @if handler["on_trial_after"].is_string() {
                    (button(&view.session, "rollback", "Roll back", &fields, &view.address))
                    (button(&view.session, "readmit", "End the trial", &fields, &view.address))
                }
                @if handler["in_place_of"].is_string() {
                    (button(&view.session, "readmit", "Let it in again", &fields, &view.address))
                }
                a href={ "/ui/deliveries?state=dead&handler=" (crate::dashboard::query::encoded(&name)) } {
                    "Dead letters"
                }
            }
        }
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { @if value != "–" && !value.is_empty() { div { dt { (name) } dd { (value) } } } }
}

/// What holds deliveries back, in a word.
pub(super) fn health(handler: &Value) -> Markup {
    html! {
        @if !handler["paused"].is_null() { span.state.warn { "paused" } }
        @else if handler["breaker"] != "closed" && handler["breaker"].is_string() {
            span.state.bad { "breaker " (text(&handler["breaker"])) }
        } @else if handler["limited"] == true { span.state.warn { "at its rate" } }
        @else if handler["present"] == false { span.state.plain { "gone" } }
        @else { (state(&Value::from("runs"))) }
    }
}

fn trial(handler: &Value) -> Markup {
    html! {
        @if handler["on_trial_after"].is_string() {
            p.hint { "The component is new and on trial. If it breaks down, the one before comes back." }
        }
        @if handler["in_place_of"].is_string() {
            p.said.wrong { "The component in the file was rolled back, and is kept out." }
        }
    }
}

fn digest(handler: &Value) -> String {
    let digest = handler["component"].as_str().unwrap_or_default();
    digest.chars().take(12).collect()
}

fn outcomes(outcomes: &Value) -> String {
    let counts = outcomes.as_object().into_iter().flatten();
    let counts = counts.map(|(name, count)| format!("{} {name}", text(count)));
    counts.collect::<Vec<_>>().join(", ")
}

/// The quantiles of the durations of runs, as far as the API has them.
fn latency(latency: &Value) -> String {
    let quantiles = latency.as_object().into_iter().flatten();
    let shown = quantiles.filter_map(|(name, value)| {
        let label = name.strip_suffix("_us")?;
        Some(format!("{label} {:.1} ms", value.as_f64()? / 1000.0))
    });
    shown.collect::<Vec<_>>().join(", ")
}
