//! TOML values as JSON, for the `config` of handlers and for filters.

use serde_json::{Map, Number, Value as Json};

use super::context::Context;
use crate::manifest::text::substitute;
use crate::manifest::text::tree::{Node, Value};

/// The value as JSON. A string with an environment variable is a mistake, with the help
/// `variable_help`. `what` names the value in messages.
pub(crate) fn json(
    cx: &mut Context<'_>,
    node: &Node,
    what: &str,
    variable_help: &str,
) -> Option<Json> {
    cx.diagnostics.allow_quote(node);
    let problem = match &node.value {
        Value::String(text) => match substitute::unescape(text) {
            Some(text) => return Some(Json::String(text)),
            None => {
                let message = format!("environment variables do not work in {what}");
                cx.diagnostics
                    .wrong_value(&node.span, message, variable_help);
                return None;
            }
        },
        Value::Boolean(value) => return Some(Json::Bool(*value)),
        Value::Integer(Some(number)) => return Some(Json::from(*number)),
        Value::Integer(None) => "is an integer of more than 64 bits",
        Value::Float(number) => match number.and_then(Number::from_f64) {
            Some(number) => return Some(Json::Number(number)),
            None => "is not a finite number, and JSON has finite numbers only",
        },
        Value::Datetime => "is a date or time, and JSON has no such type",
        Value::Array(items) => {
            // The iteration visits all items, to find every mistake.
            let items: Vec<_> = items
                .iter()
                .map(|item| json(cx, item, what, variable_help))
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
                    let value = json(cx, node, what, variable_help);
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
    cx.diagnostics
        .wrong_value(&node.span, message, "write the value as a string");
    None
}
