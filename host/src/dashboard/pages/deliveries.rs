//! The list of deliveries, and one of them.

use axum::extract::Path;
use axum::response::IntoResponse;
use maud::{Markup, html};
use serde_json::Value;

use super::events::{FILTER, STATES, filter, times_read};
use super::history::delivery;
use super::view::View;
use crate::dashboard::layout::Page;
use crate::dashboard::parts::{
    button, delivery_link, event_link, handler_link, items, older, state, text, time,
};
use crate::dashboard::query::{Query, encoded};

pub(in crate::dashboard) async fn list(view: View) -> Result<impl IntoResponse, Page> {
    let asked = times_read(&view.query.only(&FILTER))?;
    let listed = view.get("/api/deliveries", &asked).await?;
    let states: Vec<&str> = STATES
        .iter()
        .copied()
        .filter(|state| *state != "unrouted")
        .collect();
    let body = html! {
        h1 { "Deliveries" }
        (filter(&view.query, &states))
        (bulk(&view))
        (table(items(&listed)))
        (older("/ui/deliveries", &view.query.only(&FILTER), &listed))
    };
    Ok(view.page("Deliveries", "Deliveries", &body))
}

pub(in crate::dashboard) async fn show(
    Path(number): Path<String>,
    view: View,
) -> Result<impl IntoResponse, Page> {
    let path = format!("/api/deliveries/{}", encoded(&number));
    let detail = view.get(&path, &Query::default()).await?;
    let title = format!("Delivery {}", text(&detail["seq"]));
    let body = html! {
        h1 { (text(&detail["kind"])) }
        p { "Event " (event_link(&detail["event"])) " of " (text(&detail["source"])) ", received "
            (time(&detail["received_ms"])) }
        (delivery(&detail, &view.session, &view.address))
    };
    Ok(view.page(&title, "Deliveries", &body))
}

/// What can be done with all deliveries of the filter. The first step counts.
fn bulk(view: &View) -> Markup {
    let filter = view.query.only(&FILTER).with("after", None);
    let fields: Vec<(&str, &str)> = filter.pairs().collect();
    html! {
        @if !fields.is_empty() {
            div.actions {
                (button(&view.session, "count-filter", "Count what a replay would run", &fields, &view.address))
                (button(&view.session, "replay-filter", "Replay all of the filter", &fields, &view.address))
            }
        }
    }
}

/// Deliveries as a table.
pub(super) fn table(deliveries: &[Value]) -> Markup {
    html! {
        @if deliveries.is_empty() {
            p.empty { "No deliveries." }
        } @else {
            div.scroll {
                table {
                    thead {
                        tr {
                            th { "Received" } th { "Delivery" } th { "Event" } th { "Type" }
                            th { "Handler" } th { "State" } th.number { "Attempts" } th { "Due or ended" }
                        }
                    }
                    tbody {
                        @for one in deliveries {
                            tr {
                                td { (time(&one["received_ms"])) }
                                td { (delivery_link(&one["seq"])) }
                                td { (event_link(&one["event"])) }
                                td { (text(&one["kind"])) }
                                td { (handler_link(&one["handler"])) }
                                td { (state(&one["state"])) }
                                td.number { (text(&one["attempts"])) }
                                td { @if one["due_ms"].is_null() { (time(&one["finished_ms"])) }
                                    @else { (time(&one["due_ms"])) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
