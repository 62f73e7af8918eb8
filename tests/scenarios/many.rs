//! One event for ten thousand handlers, as in an installation with as many tenants.

use serde_json::json;

use crate::harness::{Event, Gateway, Handler, Manifest, Site, reaches};

const MANY: i64 = 10_000;

/// The most memory in bytes beyond that of an idle gateway: 64 MiB for the queues, and as
/// much again for the runs.
const ROOM: u64 = 128 << 20;

/// The most memory in bytes of the handlers themselves. They share one component.
const HANDLERS: u64 = 512 << 20;

fn manifest() -> Manifest {
    let names: Vec<_> = (0..MANY).map(|n| format!("tenant-{n}")).collect();
    let mut manifest = Manifest::new().handler(Handler::new("pong"));
    for name in &names {
        manifest = manifest.handler(Handler::new(name).retry(1000, "10ms"));
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    manifest
        .route("test.all", &names)
        .route("test.ping", &["pong"])
}

/// Posts an event for one other handler, and waits until it is handled.
#[track_caller]
fn ping(site: &Site, gateway: &Gateway) {
    let event = Event::new("test.ping", json!({ "do": "done" }));
    gateway.accepts(&event);
    let ledger = site.ledger();
    reaches("it is handled", 1, || {
        i64::from(ledger.delivery(&event.id, "pong") == "done")
    });
}

#[test]
fn ten_thousand_handlers_deliveries_that_are_due_at_once_run_once_each() {
    let site = Site::new(&manifest());
    let gateway = site.start();
    let empty = gateway.resident();
    assert!(empty <= HANDLERS, "{empty} bytes for handlers alone");
    // Each delivery is tried again, once.
    let steps = json!([{ "do": "flaky", "succeed_at": 2 }, { "do": "add", "key": "handled" }]);
    gateway.accepts(&Event::new("test.all", steps));
    ping(&site, &gateway);
    let ledger = site.ledger();
    let done = || ledger.count("SELECT count(*) FROM v_state WHERE value = '1'", []);
    reaches("some are done", 100, done);
    let most = gateway.resident();
    let left = MANY - done();
    gateway.kill();

    // All remaining deliveries are due at the start.
    let gateway = site.start();
    ping(&site, &gateway);
    reaches("all are done", MANY, done);
    gateway.settles();
    let again = gateway.resident();
    println!(
        "resident {} MiB, with {MANY} due {} MiB; killed with {left} left, at the end {} MiB",
        empty >> 20,
        most >> 20,
        again >> 20,
    );
    let ended = ledger.count("SELECT count(*) FROM deliveries WHERE state = 'done'", []);
    assert_eq!(ended, MANY + 2);
    assert_eq!(ledger.count("SELECT count(*) FROM state", []), MANY);
    assert!(
        most.max(again) <= empty + ROOM,
        "{empty} bytes, {most}, {again}"
    );
    gateway.stop();
}
