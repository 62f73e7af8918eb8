//! Deliveries of one key run one after another, whatever happens meanwhile.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Event, Handler, Ledger, Load, Manifest, Receiver, Site, Target, eventually};

/// Kills under load.
const ROUNDS: u32 = 8;
/// Keys that events share.
const KEYS: u64 = 20;

/// An event of one of the keys. Some fail at first.
fn keyed(number: u64, url: &str) -> Event {
    let id = format!("evt_keyed_{number}");
    let first = if number.is_multiple_of(7) { 2 } else { 1 };
    let steps = json!([
        { "do": "flaky", "succeed_at": first },
        { "do": "increment", "key": format!("seen/{id}") },
        { "do": "send", "url": url, "body": id },
    ]);
    let object = json!({ "customer": number % KEYS, "steps": steps });
    Event::about(&id, "test.keyed", object)
}

/// How often something of a key was done before what had arrived earlier. Requests stand in
/// the outbox in the order in which their deliveries were done.
fn out_of_order(ledger: &Ledger) -> i64 {
    ledger.count(
        "SELECT count(*) FROM (
             SELECT d.seq, lag(d.seq) OVER (PARTITION BY d.order_key ORDER BY o.seq) AS before
             FROM outbox o JOIN deliveries d ON d.seq = o.delivery WHERE d.order_key IS NOT NULL)
         WHERE before > seq",
        [],
    )
}

fn ordered(receiver: &Receiver) -> Handler {
    Handler::new("guest")
        .retry(1000, "10ms")
        .set("order_by = \"/data/object/customer\"")
        .allow(receiver.address)
}

#[test]
fn order_is_kept_per_key_through_kill_9() {
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(ordered(&receiver)));
    let mut gateway = site.start();
    let target = Target::new(gateway.ingress);
    let url = receiver.url("/");
    let load = Load::start(&target, 8, Duration::from_millis(2), move |n| {
        keyed(n, &url)
    });
    for round in 0..ROUNDS {
        // The moment is the point here, so this does wait for time to pass.
        std::thread::sleep(Duration::from_millis(150 + 37 * u64::from(round)));
        gateway.kill();
        gateway = site.start();
        target.set(gateway.ingress);
    }
    let report = load.finish();
    gateway.settles();
    let ledger = site.ledger();
    let done = ledger.deliveries_in("guest", "done");
    let twice = ledger.count("SELECT count(*) FROM attempts WHERE number > 1", []);
    println!(
        "acknowledged {}, done {done}, further attempts {twice}",
        report.acknowledged.len()
    );
    assert!(done >= report.acknowledged.len() as i64 && twice > 0);
    assert_eq!(ledger.unfinished(), 0);
    assert_eq!(out_of_order(&ledger), 0);
    let keys = ledger.count("SELECT count(DISTINCT order_key) FROM deliveries", []);
    assert_eq!(keys, KEYS as i64);
    gateway.stop();
}

#[test]
fn the_test_would_see_events_out_of_order() {
    let receiver = Receiver::start();
    let manifest = Manifest::with_one(ordered(&receiver).set("concurrency = 1"));
    let site = Site::new(&manifest);
    let gateway = site.start();
    for number in 0..40 {
        gateway.accepts(&keyed(number, &receiver.url("/")));
    }
    gateway.settles();
    let ledger = site.ledger();
    assert_eq!(out_of_order(&ledger), 0);
    gateway.stop();
    // The same deliveries, as if all had been of one key.
    let all = "SELECT count(*) FROM (
            SELECT delivery, lag(delivery) OVER (ORDER BY seq) AS before FROM outbox)
        WHERE before > delivery";
    assert!(ledger.count(all, []) > 0, "failures let others pass");
}

#[test]
fn a_dead_one_holds_its_key_alone_where_the_manifest_says_so() {
    let receiver = Receiver::start();
    let handler = ordered(&receiver).set("on_block = \"wait\"");
    let manifest = Manifest::with_one(handler);
    let site = Site::new(&manifest);
    let gateway = site.start();
    let about = |id: &str, customer: u64, step: &str| {
        let object = json!({ "customer": customer, "steps": [{ "do": step }] });
        gateway.accepts(&Event::about(id, "test.keyed", object));
    };
    about("evt_dead", 1, "reject");
    about("evt_behind", 1, "done");
    about("evt_other", 2, "done");
    let ledger = site.ledger();
    eventually("the other key goes on", || {
        ledger.delivery("evt_other", "guest") == "done"
            && ledger.delivery("evt_dead", "guest") == "dead"
    });
    assert_eq!(ledger.delivery("evt_behind", "guest"), "pending");
    // The settings change while everything runs.
    let text = manifest.text().replace("\"wait\"", "\"skip-after-dead\"");
    site.write_manifest(&text);
    eventually("the manifest lets it pass", || {
        ledger.delivery("evt_behind", "guest") == "done"
    });
    gateway.stop();
}
