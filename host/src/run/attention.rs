//! What an operator should look at, and the command that shows more.

use serde_json::{Map, Value};
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

/// A line for each thing in the status that somebody should look at.
pub(crate) fn attention(status: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    of_ledger(&status["ledger"], &mut lines);
    of_backlog(&status["backlog"], &mut lines);
    of_generation(&status["generation"], &mut lines);
    of_secrets(&status["secrets"], &mut lines);
    for alert in status["alerts"].as_array().into_iter().flatten() {
        lines.push(format!("alert: {}", text(&alert["text"])));
    }
    for (source, asked) in fields(&status["resolving"]) {
        let error = &asked["last_error"];
        if !error.is_null() && asked["waiting"] != 0 {
            lines.push(format!(
                "events of {source} wait for their object: {}",
                text(error)
            ));
        }
    }
    for (host, until) in fields(&status["held_hosts_until_ms"]) {
        if let Some(until) = until.as_u64() {
            let until = rfc3339::format(WallTime::from_millis(until));
            lines.push(format!(
                "{host} asked for time: its requests wait until {until}"
            ));
        }
    }
    for (name, certificate) in fields(&status["tls"]) {
        let (state, left) = (&certificate["state"], &certificate["days_left"]);
        if state != "in force" || left.as_u64().is_some_and(|days| days < 14) {
            lines.push(format!(
                "the certificate {name}: {}, {left} days left",
                text(state)
            ));
        }
    }
    lines
}

fn of_ledger(ledger: &Value, lines: &mut Vec<String>) {
    if ledger["writable"] == false {
        lines.push("the ledger cannot be written: events are refused".to_owned());
    }
    if !ledger["error"].is_null() {
        lines.push(format!("the ledger: {}", text(&ledger["error"])));
    }
    if !ledger["restored"].is_null() {
        lines.push(
            "a backup was restored: look at what would run, then `tollgate ledger release`"
                .to_owned(),
        );
    }
    if ledger["log"]["held_up"] == true {
        lines.push("a reader of the ledger's file keeps its log from being used again".to_owned());
    }
    for (what, list) in [("deliveries", "deliveries"), ("outbox", "outbox")] {
        if let Some(dead @ 1..) = ledger[what]["dead"].as_u64() {
            let noun = match what {
                "outbox" => "requests",
                other => other,
            };
            lines.push(format!(
                "{dead} dead {noun}: tollgate {list} list --state dead"
            ));
        }
    }
}

fn of_backlog(backlog: &Value, lines: &mut Vec<String>) {
    for reason in backlog["too_much"].as_array().into_iter().flatten() {
        let refuses = match backlog["refuses"] == true {
            true => ": events are refused",
            false => "",
        };
        lines.push(format!("{}{refuses}", text(reason)));
    }
}

fn of_generation(generation: &Value, lines: &mut Vec<String>) {
    if let Some(error) = generation["error"].as_str() {
        lines.push(format!("the files as they stand do not serve: {error}"));
    }
    for (name, handler) in fields(&generation["handlers"]) {
        if let Some("open" | "half-open") = handler["breaker"].as_str() {
            lines.push(format!(
                "the breaker of {name} is {}: tollgate deliveries list --handler {name} --state \
                 retrying",
                text(&handler["breaker"])
            ));
        }
        if !handler["paused"].is_null() {
            lines.push(format!("{name} is paused: tollgate handlers resume {name}"));
        }
        if handler.get("in_place_of").is_some() {
            lines.push(format!(
                "the new component of {name} failed, and was rolled back"
            ));
        }
    }
    let warnings = generation["warnings"].as_array();
    lines.extend(warnings.into_iter().flatten().map(text));
}

/// Of a running gateway the secrets stand by source and number; without one there are warnings.
fn of_secrets(secrets: &Value, lines: &mut Vec<String>) {
    match secrets {
        Value::String(text) => lines.push(text.clone()),
        Value::Array(warnings) => lines.extend(warnings.iter().map(text)),
        _ => {}
    }
    for (source, by_number) in fields(secrets) {
        for (number, secret) in fields(by_number) {
            if secret["state"] != "in force" {
                let state = text(&secret["state"]);
                lines.push(format!("secret {number} of {source}: {state}"));
            }
        }
    }
}

/// The fields of an object; none of another value.
fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// A text as it is, any other value as JSON. Lines become one.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('\n', " "),
        other => other.to_string(),
    }
}
