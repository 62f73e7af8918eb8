//! Dead letters, grouped by handler and reason.

use std::collections::BTreeMap;

use axum::response::IntoResponse;
use maud::{Markup, html};
use serde_json::Value;

use super::view::View;
use crate::dashboard::layout::Page;
use crate::dashboard::parts::{
    button, delivery_link, event_link, handler_link, items, older, text, time,
};
use crate::dashboard::query::Query;

/// The dead letters of a page.
const MOST: &str = "500";
/// The longest reason that tells groups apart, in characters.
const REASON: usize = 120;
/// The letters of a group that are listed.
const LISTED: usize = 5;

/// Dead letters of one handler that ended for the same reason.
#[derive(Default)]
struct Group {
    letters: Vec<Value>,
}

pub(in crate::dashboard) async fn list(view: View) -> Result<impl IntoResponse, Page> {
    let query = Query::of([("state", "dead"), ("limit", MOST)]);
    let listed = view
        .get(
            "/api/deliveries",
            &query.with("after", view.query.get("after")),
        )
        .await?;
    let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
    for letter in items(&listed) {
        let handler = text(&letter["handler"]);
        let group = groups.entry((handler, reason(letter))).or_default();
        group.letters.push(letter.clone());
    }
    let body = html! {
        h1 { "Dead letters" }
        p.hint { "Deliveries that were given up: their handler rejected the event, or the last \
            attempt failed. A replay hands them to the handler as it is now." }
        @if groups.is_empty() { p.empty { "No dead letters." } }
        @for ((handler, reason), group) in &groups { (shown(&view, handler, reason, group)) }
        (older("/ui/dead", &view.query.only(&["after"]), &listed))
    };
    Ok(view.page("Dead letters", "Dead letters", &body))
}

/// The first line of the reason of the last attempt.
fn reason(letter: &Value) -> String {
    let whole = letter["last_detail"]
        .as_str()
        .unwrap_or("no reason is recorded");
    let first = whole.lines().next().unwrap_or_default();
    text(&Value::from(first)).chars().take(REASON).collect()
}

fn shown(view: &View, handler: &str, reason: &str, group: &Group) -> Markup {
    let numbers = group.letters.iter().map(|letter| text(&letter["seq"]));
    let numbers = numbers.collect::<Vec<_>>().join(",");
    let fields = [("deliveries", numbers.as_str())];
    html! {
        section.group {
            h2 { (handler_link(&Value::from(handler))) " " span.count { (group.letters.len()) } }
            p.reason { (reason) }
            div.actions {
                (button(&view.session, "check-replay", "Check a replay", &fields, &view.address))
                (button(&view.session, "replay", "Replay all of these", &fields, &view.address))
            }
            ul {
                @for letter in group.letters.iter().take(LISTED) {
                    li {
                        (delivery_link(&letter["seq"])) " " (text(&letter["kind"])) " "
                        (event_link(&letter["event"])) " " (time(&letter["finished_ms"]))
                    }
                }
                @if group.letters.len() > LISTED {
                    li.hint { "and " (group.letters.len() - LISTED) " more" }
                }
            }
        }
    }
}
