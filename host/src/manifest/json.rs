//! TOML values as JSON, for guests' settings and for filters.

use serde_json::{Map, Number, Value as Json};

use super::fields::Context;
use super::raw::{Node, Value};
use super::substitute;

/// The value as JSON. Strings must hold no reference to the environment; `substituted`
/// says why and what to do instead. `what` names the value in messages.
pub(super) fn json(
    cx: &mut Context<'_>,
    node: &Node,
    what: &str,
    substituted: &str,
) -> Option<Json> {
    cx.report.plain(node);
    let problem = match &node.value {
        Value::String(text) => match substitute::unescape(text) {
            Some(text) => return Some(Json::String(text)),
            None => {
                let message = format!("environment variables are not substituted in {what}");
                cx.report.wrong(&node.span, message, substituted);
                return None;
            }
        },
        Value::Boolean(value) => return Some(Json::Bool(*value)),
        Value::Integer(Some(number)) => return Some(Json::from(*number)),
        Value::Integer(None) => "is an integer of more than 64 bits",
        Value::Float(number) => match number.and_then(Number::from_f64) {
            Some(number) => return Some(Json::Number(number)),
            None => "is not a finite number, which JSON does not have",
        },
        Value::Datetime => "is a date or time, which JSON does not have",
        Value::Array(items) => {
            // All of them, so that every mistake is found.
            let items: Vec<_> = items
                .iter()
                .map(|item| json(cx, item, what, substituted))
                .collect();
            return items
                .into_iter()
                .collect::<Option<Vec<_>>>()
                .map(Json::Array);
        }
        Value::Table(table) => {
            let entries: Vec<_> = table
                .entries
                .iter()
                .map(|(key, node)| {
                    let value = json(cx, node, what, substituted);
                    value.map(|value| (key.name.clone(), value))
                })
                .collect();
            return entries
                .into_iter()
                .collect::<Option<Map<_, _>>>()
                .map(Json::Object);
        }
    };
    let message = format!("{what} {problem}");
    cx.report.wrong(&node.span, message, "write it as a string");
    None
}
