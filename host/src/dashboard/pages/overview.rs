//! The overview: is all well, and what happened lately.

use axum::response::IntoResponse;
use maud::{Markup, html};
use serde_json::Value;

use super::handlers::health;
use super::view::View;
use tollgate_base::quantity::rough_duration;

use crate::dashboard::chart::{Series, chart};
use crate::dashboard::layout::Page;
use crate::dashboard::parts::{handler_link, items, size, text, time};
use crate::dashboard::query::Query;
use crate::dashboard::trends::Sample;
use crate::run::attention;

/// The seconds of a sample of the last hour, and of the last day.
const HOUR: f64 = 10.0;
const DAY: f64 = 60.0;
/// The samples of an hour and of a day.
const HOUR_PLACES: usize = 360;
const DAY_PLACES: usize = 1440;

pub(in crate::dashboard) async fn show(view: View) -> Result<impl IntoResponse, Page> {
    let status = view.get("/status", &Query::default()).await?;
    let handlers = view.get("/api/handlers", &Query::default()).await?;
    let trends = &view.dashboard.trends;
    let by_day = view.query.get("span") == Some("day");
    let (samples, seconds, places) = match by_day {
        true => (trends.day(), DAY, DAY_PLACES),
        false => (trends.hour(), HOUR, HOUR_PLACES),
    };
    let body = html! {
        h1 { "Overview" }
        (look_at(&status))
        (numbers(&status))
        nav.pages aria-label="Span of the charts" {
            a href="/ui" aria-current=[(!by_day).then_some("true")] { "Last hour" }
            a href="/ui?span=day" aria-current=[by_day.then_some("true")] { "Last day" }
        }
        div.charts {
            (chart("Received a second", places, &received(&samples, seconds)))
            (chart("Handled a second", places, &handled(&samples, seconds)))
        }
        section {
            h2 { "Handlers" }
            (table(items(&handlers)))
        }
    };
    Ok(view.page("Overview", "Overview", &body))
}

/// What somebody should look at; or that there is nothing.
fn look_at(status: &Value) -> Markup {
    let lines = attention(status);
    html! {
        @if lines.is_empty() {
            p.said { "All is well." }
        } @else {
            section.said.wrong aria-label="To look at" {
                ul { @for line in &lines { li { (text(&Value::from(line.as_str()))) } } }
            }
        }
    }
}

fn numbers(status: &Value) -> Markup {
    let (ledger, backlog) = (&status["ledger"], &status["backlog"]);
    let generation = &status["generation"];
    let waits = count(&backlog["deliveries"]) + count(&backlog["requests"]);
    html! {
        div.numbers {
            (number("Recorded", &text(&ledger["events"]), "/ui/events"))
            (number("Came again", &text(&ledger["duplicates"]), "/ui/events"))
            (number("Done", &text(&ledger["deliveries"]["done"]), "/ui/deliveries?state=done"))
            (number("Retrying", &text(&ledger["deliveries"]["retrying"]), "/ui/deliveries?state=retrying"))
            (number("Dead", &text(&ledger["deliveries"]["dead"]), "/ui/dead"))
            (number("Waiting", &format!("{waits}, {}", rough_duration(count(&backlog["age_ms"]))),
                "/ui/deliveries?state=pending"))
            (number("Requests sent", &text(&ledger["outbox"]["sent"]), "/ui/outbox?state=sent"))
            (number("Refused", &refused(&status["rejections"]).to_string(), "/ui/rejections"))
            (number("Log of the ledger", &size(&ledger["log"]["bytes"]), "/ui/manifest"))
        }
        p.hint {
            "Version " (text(&status["version"])) ", generation " (text(&generation["number"]))
            ", loaded " (time(&generation["loaded_ms"])) "."
        }
    }
}

fn number(name: &str, value: &str, to: &str) -> Markup {
    html! { a.number href=(to) { span { (name) } strong { (value) } } }
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// Refused requests of all sources.
fn refused(by_source: &Value) -> u64 {
    let sources = by_source.as_object().into_iter().flatten();
    let codes = sources.flat_map(|(_, codes)| codes.as_object().into_iter().flatten());
    codes.map(|(_, many)| count(many)).sum()
}

fn received(samples: &[Sample], seconds: f64) -> Vec<Series> {
    vec![
        series("recorded", "a", samples, seconds, |one| one.recorded),
        series("came again", "b", samples, seconds, |one| one.duplicates),
        series("refused", "c", samples, seconds, |one| one.refused),
    ]
}

fn handled(samples: &[Sample], seconds: f64) -> Vec<Series> {
    vec![
        series("handled", "a", samples, seconds, |one| one.handled),
        series("failed", "c", samples, seconds, |one| one.failed),
    ]
}

fn series(
    name: &'static str,
    class: &'static str,
    samples: &[Sample],
    seconds: f64,
    of: fn(&Sample) -> u64,
) -> Series {
    let values = samples.iter().map(|one| of(one) as f64 / seconds);
    Series {
        name,
        class,
        values: values.collect(),
    }
}

fn table(handlers: &[Value]) -> Markup {
    html! {
        @if handlers.is_empty() {
            p.empty { "No handlers." }
        } @else {
            div.scroll {
                table {
                    thead { tr { th { "Handler" } th { "Health" } th.number { "Queued" } th.number { "Running" } } }
                    tbody {
                        @for handler in handlers {
                            tr {
                                td { (handler_link(&handler["name"])) }
                                td { (health(handler)) }
                                td.number { (text(&handler["queued"])) }
                                td.number { (text(&handler["running"])) }
                            }
                        }
                    }
                }
            }
        }
    }
}
