//! Crashes under load: each event, response and scheduled event has its effects once.

use std::time::Duration;

use serde_json::json;

use super::rounds::{audit_order, crash, open, rounds};
use crate::harness::{
    Event, Handler, Load, Manifest, Receiver, Site, Target, audit_counted, counted_event,
    counting_site, eventually,
};

#[test]
fn whatever_ends_it_nothing_is_lost_repeated_or_out_of_order() {
    let rounds = rounds();
    let receiver = Receiver::start();
    let site = counting_site(&receiver);
    let target = Target::new("127.0.0.1:1".parse().unwrap());
    let url = receiver.url("/");
    let load = Load::start(&target, 8, Duration::from_millis(3), move |number| {
        counted_event(number, &url)
    });
    let (gateway, ends) = crash(&site, rounds, |gateway| target.set(gateway.ingress));
    eventually("it takes events", || {
        gateway.status_at("/ledger/events") != 0
    });
    let report = load.finish();
    gateway.drains();
    println!("{ends:?}");
    assert!(
        report.acknowledged.len() > rounds as usize,
        "{report:?} is no load"
    );
    if cfg!(debug_assertions) && std::env::var_os("TOLLGATE_BINARY").is_none() {
        assert!(!ends.at.is_empty(), "no failpoint did anything");
    }
    audit_counted(&site.ledger(), &receiver, &report);
    audit_order(&site.ledger(), &receiver);
    gateway.stop();
}

/// Each event sends a request. Its response schedules an event, which counts itself.
#[test]
fn every_answer_and_every_scheduled_event_comes_once() {
    let receiver = Receiver::start();
    let handler = Handler::new("guest")
        .retry(1000, "10ms")
        .allow(receiver.address);
    let text = Manifest::with_one(handler).text();
    let site = Site::new(&Manifest::new());
    site.write_manifest(&text.replace("attempts = 6", "attempts = 1000"));
    let target = Target::new("127.0.0.1:1".parse().unwrap());
    let url = receiver.url("/");
    let load = Load::start(&target, 4, Duration::from_millis(10), move |number| {
        let id = format!("evt_late_{number}");
        let due = json!({ "do": "increment", "key": format!("due/{id}") });
        let answered = json!({ "steps": [
            { "do": "increment", "key": format!("answered/{id}") },
            { "do": "schedule", "key": id, "kind": "test.due", "after_ms": number % 500,
              "payload": due },
        ] });
        let send = json!({ "do": "send", "url": url, "body": id, "respond": answered });
        Event::with_id(&id, "test.late", send)
    });
    let (gateway, ends) = crash(&site, rounds() / 3, |gateway| target.set(gateway.ingress));
    let report = load.finish();
    let ledger = site.ledger();
    let count = |kind: &str| ledger.count("SELECT count(*) FROM events WHERE kind = ?1", [kind]);
    eventually("everything has come", || open(&ledger) == 0);
    let recorded = count("test.late");
    println!("{ends:?}; {recorded} events");
    assert!(report.acknowledged.len() > 100, "{report:?} is no load");
    assert!(report.acknowledged.len() as i64 <= recorded);
    assert_eq!(count("outbox.response"), recorded);
    assert_eq!(count("test.due"), recorded);
    assert_eq!(receiver.effects() as i64, recorded);
    let states = ledger.states("guest");
    assert_eq!(states.len() as i64, 2 * recorded);
    assert!(states.iter().all(|(_, value)| value == "1"), "{states:?}");
    gateway.stop();
}
