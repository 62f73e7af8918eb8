//! Immediate requests: handlers that ask while they run, and wait for answers.

mod asking;
mod fixtures;
mod replays;

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::harness::{Event, Gateway, Handler, Ledger, Manifest, Site, component};

const GRANT: &str = "immediate = true";

/// A handler that asks.
fn asking(name: &str) -> Handler {
    Handler::new(name).component("asking.wasm")
}

/// A folder with the guest that asks.
fn site(manifest: &Manifest) -> Site {
    let site = Site::new(manifest);
    site.plug("asking.wasm", &component("asking"));
    site
}

/// A site with one handler that asks.
fn site_of(handler: Handler) -> Site {
    site(&Manifest::with_one(handler))
}

/// An event whose handler makes these requests.
fn ask(asks: Value) -> Event {
    asks_and(asks, json!({}))
}

/// The same, with further parts of the program.
fn asks_and(asks: Value, more: Value) -> Event {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut program = json!({ "asks": asks });
    for (key, value) in more.as_object().unwrap() {
        program[key] = value.clone();
    }
    Event::about(&format!("evt_ask_{next}"), "test.ask", program)
}

/// The log lines of an event's only attempt: message and fields.
fn logged(ledger: &Ledger, event: &Event) -> Vec<Value> {
    let attempts = ledger.attempts(&event.id, "guest");
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    let lines = attempts[0].logs.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A field of a log line.
fn field(line: &Value, name: &str) -> String {
    let fields = line["fields"].as_array().unwrap();
    let found = fields.iter().find(|field| field[0] == name).unwrap();
    found[1].as_str().unwrap().to_owned()
}

fn handled(gateway: &Gateway, event: &Event) {
    gateway.accepts(event);
    gateway.drains();
}
