//! The status on one screen, for a person.

use std::io::{self, Write};

use serde_json::{Map, Value};
use tollgate_base::quantity::rough_duration;

use crate::cli::handlers::{component, state};
use crate::cli::output::{printable, write_rows};
use crate::run::attention;

/// The width of the first column of lines.
const NAME: usize = 12;

/// Writes the status: what runs, what was done, what waits, and what somebody should look at.
/// `about` says what the status is of.
pub(super) fn write_screen(out: &mut dyn Write, about: &str, status: &Value) -> io::Result<()> {
    writeln!(out, "{about}{}", generation(status))?;
    writeln!(out)?;
    for (name, text) in lines(status) {
        writeln!(out, "{name:NAME$}{}", printable(&text))?;
    }
    write_handlers(out, status)?;
    let attention = attention(status);
    if attention.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nlook at")?;
    for text in attention {
        writeln!(out, "- {}", printable(&text))?;
    }
    Ok(())
}

/// `: version 0.1.0, generation 3, loaded 12m ago`.
fn generation(status: &Value) -> String {
    let generation = &status["generation"];
    let Some(number) = generation["number"].as_u64() else {
        return String::new();
    };
    let version = status["version"].as_str().unwrap_or("?");
    let from = match generation["from"].as_str() {
        Some("manifest") | None => String::new(),
        Some(other) => format!(" ({other})"),
    };
    let loaded = ago(status, &generation["loaded_ms"]);
    format!(": version {version}, generation {number}{from}, loaded {loaded}")
}

/// The lines of numbers.
fn lines(status: &Value) -> Vec<(&'static str, String)> {
    let ledger = &status["ledger"];
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let mut events = vec![
        format!("{} recorded", count(&ledger["events"])),
        format!("{} resent", count(&ledger["duplicates"])),
    ];
    for (key, what) in [
        ("unrouted", "without a route"),
        ("pruned", "pruned"),
        ("erased", "erased"),
        ("resolving", "waiting for their object"),
    ] {
        if count(&ledger[key]) > 0 {
            events.push(format!("{} {what}", ledger[key]));
        }
    }
    let mut lines = vec![
        ("events", events.join(", ")),
        ("deliveries", counts(&ledger["deliveries"])),
        ("requests", counts(&ledger["outbox"])),
        ("scheduled", count(&ledger["scheduled"]).to_string()),
    ];
    let backlog = &status["backlog"];
    if let Some(age) = backlog["age_ms"].as_u64() {
        let waits = count(&backlog["deliveries"]) + count(&backlog["requests"]);
        let oldest = match waits {
            0 => String::new(),
            _ => format!(", the oldest for {}", rough_duration(age)),
        };
        lines.push(("waiting", format!("{waits}{oldest}")));
    }
    if let Some(rejections) = status["rejections"].as_object() {
        lines.push(("refused", refused(rejections)));
    }
    lines
}

/// `3 done, 1 dead`: the counts that are not 0.
fn counts(by_name: &Value) -> String {
    let named = by_name.as_object().into_iter().flatten();
    let present = named.filter(|(_, count)| count.as_u64() != Some(0));
    let texts: Vec<_> = present
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    match texts.is_empty() {
        true => "0".to_owned(),
        false => texts.join(", "),
    }
}

/// `5: stripe signature_mismatch 2, unknown_path 3`, since the process began.
fn refused(by_source: &Map<String, Value>) -> String {
    let mut total = 0;
    let mut texts = Vec::new();
    for (source, codes) in by_source {
        for (code, count) in codes.as_object().into_iter().flatten() {
            total += count.as_u64().unwrap_or(0);
            let source = match source.as_str() {
                "-" => String::new(),
                name => format!("{name} "),
            };
            texts.push(format!("{source}{code} {count}"));
        }
    }
    match texts.is_empty() {
        true => "0".to_owned(),
        false => format!("{total}: {}", texts.join(", ")),
    }
}

fn write_handlers(out: &mut dyn Write, status: &Value) -> io::Result<()> {
    let Some(handlers) = status["generation"]["handlers"].as_object() else {
        return Ok(());
    };
    writeln!(out)?;
    if handlers.is_empty() {
        return writeln!(out, "no handlers");
    }
    let head = [
        "handler",
        "component",
        "state",
        "queued",
        "running",
        "ended",
    ];
    let rows = handlers.iter().map(|(name, handler)| {
        [
            name.clone(),
            component(handler),
            state(handler),
            handler["queued"].to_string(),
            handler["running"].to_string(),
            counts(&handler["outcomes"]),
        ]
    });
    write_rows(out, head, rows)
}

/// How long before the status a time was: `12m ago`.
fn ago(status: &Value, time: &Value) -> String {
    match (status["now_ms"].as_u64(), time.as_u64()) {
        (Some(now), Some(time)) => format!("{} ago", rough_duration(now.saturating_sub(time))),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn screen(status: &Value) -> String {
        let mut out = Vec::new();
        write_screen(&mut out, "the gateway runs", status).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_status_fits_on_a_screen_with_what_to_look_at_below() {
        let handler = |breaker: &str, outcomes: Value| {
            json!({
                "component": "505d239abe6018bc2e00", "queued": 2, "running": 1,
                "breaker": breaker, "limited": false, "paused": null, "outcomes": outcomes,
            })
        };
        let status = json!({
            "now_ms": 1_796_099_263_436_u64,
            "version": "0.1.0",
            "generation": {
                "number": 3, "from": "manifest", "loaded_ms": 1_796_099_223_571_u64,
                "error": "a.toml:3: no such key", "warnings": ["a.toml:9: a secret"],
                "handlers": {
                    "dunning": handler("closed", json!({ "done": 7, "retry": 1 })),
                    "welcome": handler("open", json!({})),
                },
            },
            "ledger": {
                "writable": true, "events": 12, "duplicates": 2, "unrouted": 1, "pruned": 0,
                "deliveries": { "done": 7, "dead": 1, "retrying": 3 },
                "outbox": { "sent": 0, "waiting": 0, "dead": 0 },
                "scheduled": 4, "restored": null, "log": { "bytes": 100, "held_up": false },
            },
            "backlog": { "deliveries": 3, "requests": 0, "age_ms": 3_723_456, "too_much": [] },
            "rejections": { "-": { "unknown_path": 3 }, "stripe": { "signature_mismatch": 2 } },
            "secrets": { "stripe": { "1": { "state": "expires soon" }, "2": { "state": "in force" } } },
            "tls": null,
            "alerts": [{ "key": "k", "since_ms": 1, "text": "stripe is silent\nsince 2h" }],
        });
        let expected = "\
the gateway runs: version 0.1.0, generation 3, loaded 39s ago

events      12 recorded, 2 resent, 1 without a route
deliveries  1 dead, 7 done, 3 retrying
requests    0
scheduled   4
waiting     3, the oldest for 1h2m
refused     5: unknown_path 3, stripe signature_mismatch 2

handler  component     state         queued  running  ended
dunning  505d239abe60  -             2       1        7 done, 1 retry
welcome  505d239abe60  breaker open  2       1        0

look at
- 1 dead deliveries: tollgate deliveries list --state dead
- the files as they stand do not serve: a.toml:3: no such key
- the breaker of welcome is open: tollgate deliveries list --handler welcome --state retrying
- a.toml:9: a secret
- secret 1 of stripe: expires soon
- alert: stripe is silent since 2h
";
        assert_eq!(screen(&status), expected);
    }

    #[test]
    fn a_ledger_alone_has_no_handlers() {
        let ledger = json!({ "events": 0, "deliveries": {}, "outbox": {}, "scheduled": 0 });
        let status = json!({ "ledger": ledger, "secrets": "the manifest has mistakes" });
        let text = screen(&status);
        assert!(text.starts_with("the gateway runs\n\nevents      0 recorded, 0 resent\n"));
        assert!(text.ends_with("scheduled   0\n\nlook at\n- the manifest has mistakes\n"));
    }
}
