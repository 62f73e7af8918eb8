//! Crashes while events are pruned: the gateway still recognises each pruned event.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use super::rounds::{crash, rounds};
use crate::harness::{
    Event, Handler, Ledger, Load, LoadReport, Manifest, Receiver, Site, Target, eventually,
};

/// A site whose events are counted, and pruned a second later.
fn short_lived(receiver: &Receiver) -> Site {
    let handler = Handler::new("guest")
        .retry(1000, "10ms")
        .allow(receiver.address);
    let text = Manifest::with_one(handler).text();
    let site = Site::new(&Manifest::new());
    site.write_manifest(
        &text
            .replace("attempts = 6", "attempts = 1000")
            .replace("[ledger]\n", "[ledger]\nretention = \"1s\"\n"),
    );
    site
}

#[test]
fn what_is_pruned_between_crashes_is_known_and_counted_once() {
    let receiver = Receiver::start();
    let site = short_lived(&receiver);
    let target = Target::new("127.0.0.1:1".parse().unwrap());
    let url = receiver.url("/");
    let make = move |number: u64| {
        let id = format!("evt_short_{number}");
        let steps = json!([
            { "do": "add", "key": "handled" },
            { "do": "send", "url": url, "body": id },
        ]);
        Event::with_id(&id, "test.short", steps)
    };
    let load = Load::start(&target, 4, Duration::from_millis(5), make.clone());
    let (gateway, ends) = crash(&site, rounds() / 3, |gateway| target.set(gateway.ingress));
    let report = load.finish();
    gateway.drains();
    let recorded = || {
        let counts = gateway.status();
        let of = |pointer: &str| counts.pointer(pointer).unwrap().as_u64().unwrap();
        (
            of("/ledger/events"),
            of("/ledger/pruned"),
            of("/ledger/duplicates"),
        )
    };
    eventually("all are pruned", || recorded().0 == 0);
    let (_, pruned, duplicates) = recorded();
    println!("{ends:?}; pruned {pruned}, duplicates {duplicates}");
    audit_pruned(&site.ledger(), &receiver, &report, pruned);

    // The gateway recognises each pruned event as a duplicate.
    for number in 0..pruned {
        gateway.accepts_again(&make(number));
    }
    assert_eq!(recorded(), (0, pruned, duplicates + pruned));
    gateway.stop();
}

#[track_caller]
fn audit_pruned(ledger: &Ledger, receiver: &Receiver, report: &LoadReport, pruned: u64) {
    let acknowledged: HashSet<_> = report.acknowledged.iter().map(|(id, _)| id).collect();
    assert!(acknowledged.len() as u64 <= pruned);
    assert!(acknowledged.len() > 100, "{report:?} is no load");
    let open: HashSet<_> = report.open.iter().collect();
    assert!(pruned <= (acknowledged.len() + open.len()) as u64);
    assert_eq!(ledger.state("guest", "handled"), Some(pruned.to_string()));
    assert_eq!(receiver.effects() as u64, pruned);
    for table in [
        "bodies",
        "deliveries",
        "attempts",
        "outbox",
        "outbox_bodies",
    ] {
        let rows = ledger.count(&format!("SELECT count(*) FROM {table}"), []);
        assert_eq!(rows, 0, "{table}");
    }
    assert_eq!(
        ledger.count(
            // The newest keys are only in their events' rows.
            "SELECT count(*) FROM (SELECT key FROM dedup UNION SELECT dedup FROM events)",
            [],
        ),
        pruned as i64
    );
    assert_eq!(ledger.texts("PRAGMA integrity_check", []), ["ok"]);
}
