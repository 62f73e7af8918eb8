//! Events whose handling is countable, and the audit of their effects.

use std::collections::HashMap;

use serde_json::json;

use super::{Event, Handler, Ledger, LoadReport, Manifest, Receiver, Site};

/// Makes an event whose handling is countable in three ways.
pub(crate) fn counted_event(number: u64, url: &str) -> Event {
    let id = format!("evt_counted_{number}");
    let steps = json!([
        { "do": "add", "key": "handled" },
        { "do": "increment", "key": format!("seen/{id}") },
        { "do": "send", "url": url, "body": id, "order_key": format!("key {}", number % 5) },
        { "do": "emit", "kind": "test.counted", "payload": { "do": "add", "key": "emitted" } },
    ]);
    Event::with_id(&id, "test.counted", steps)
}

/// A site whose handler may send to the receiver, and handles its own emitted events.
pub(crate) fn counting_site(receiver: &Receiver) -> Site {
    // Kills count as attempts. The limit on attempts is not the subject here.
    let handler = Handler::new("guest")
        .retry(1000, "10ms")
        .allow(receiver.address);
    let manifest =
        Manifest::with_one(handler).route_of("handler:guest", "test.counted", &["guest"], "");
    let site = Site::new(&manifest);
    // A kill must not make a request a dead letter.
    site.write_manifest(&manifest.text().replace("attempts = 6", "attempts = 1000"));
    site
}

/// Compares the acknowledged events with the ledger, the handler's state and the receiver.
#[track_caller]
pub(crate) fn audit_counted(ledger: &Ledger, receiver: &Receiver, report: &LoadReport) {
    let recorded: HashMap<String, String> = ledger
        .rows(
            "SELECT provider_id, id FROM v_events WHERE source = 'stripe'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .into_iter()
        .collect();
    let rows = ledger.count("SELECT count(*) FROM v_events WHERE source = 'stripe'", []);
    let events = recorded.len();
    let lost: Vec<_> = report
        .acknowledged
        .iter()
        .filter(|(event, id)| recorded.get(event) != Some(&id.replace('-', "")))
        .collect();
    let by_body = receiver.keys_by_body();
    let attempts = ledger.count("SELECT count(*) FROM attempts", []);
    let crashed = ledger.count("SELECT count(*) FROM attempts WHERE outcome = 'crash'", []);
    println!(
        "acknowledged {}, never acknowledged {}, recorded {events}, duplicates {}; \
         attempts {attempts}, of them ended by a crash {crashed}; \
         requests that came {}, effects by idempotency key {}; \
         answers that refused {}, connections that broke {}, slowest acknowledgement {:?}",
        report.acknowledged.len(),
        report.open.len(),
        ledger.count("SELECT ifnull(sum(duplicates), 0) FROM events", []),
        receiver.requests().len(),
        receiver.effects(),
        report.refused.len(),
        report.broken,
        report.slowest,
    );
    assert!(
        lost.is_empty(),
        "acknowledged, but not in the ledger: {lost:?}"
    );
    assert_eq!(rows, events as i64, "an event is recorded once");
    assert_eq!(ledger.unfinished(), 0);
    assert_eq!(ledger.deliveries_in("guest", "done"), 2 * events as i64);
    assert_eq!(ledger.state("guest", "handled"), Some(events.to_string()));
    assert_eq!(ledger.state("guest", "emitted"), Some(events.to_string()));
    let once = "SELECT count(*) FROM v_state WHERE key LIKE 'seen/%' AND value = '1'";
    assert_eq!(ledger.count(once, []), events as i64);
    assert_eq!(receiver.effects(), events, "one idempotency key an event");
    assert_eq!(by_body.len(), events);
    assert!(by_body.values().all(|keys| keys.len() == 1));
    assert_eq!(ledger.texts("PRAGMA integrity_check", []), ["ok"]);
}
