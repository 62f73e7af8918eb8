//! A wall clock that is set while the gateway runs: nothing is lost, nothing runs in a tight
//! loop, and due work runs at its time.

use std::time::Duration;

use serde_json::json;

use crate::harness::{
    Event, Gateway, Handler, Manifest, Receiver, Reply, SECRET, Site, WallClock, eventually, sign,
    stays,
};

const HOUR: i64 = 3600;

/// The time for which a test watches that something does not happen.
const WHILE: Duration = Duration::from_secs(2);

/// A gateway with one handler whose retry delay is `first`.
fn site(first: &str, receiver: &Receiver) -> Site {
    let handler = Handler::new("guest")
        .retry(9, first)
        .allow(receiver.address);
    let text = Manifest::with_one(handler).text();
    let outbox = format!(
        "[outbox]\nretry = {{ attempts = 9, first = \"{first}\", factor = 1.0, max = \"{first}\", jitter = 0.0 }}\n#"
    );
    let site = Site::new(&Manifest::new());
    site.write_manifest(&text.replace("[outbox]\n", &outbox));
    site
}

/// Posts an event, signed at the gateway's own time of day.
fn accepts(gateway: &Gateway, clock: &WallClock, event: &Event) {
    let signature = sign(SECRET, clock.now_seconds(), &event.body);
    let answer = gateway.post_signed(&signature, &event.body);
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// An event whose first attempt fails.
fn failing_once(id: &str) -> Event {
    let steps = json!([{ "do": "add", "key": id }, { "do": "flaky", "succeed_at": 2 }]);
    Event::with_id(id, "test.retry", steps)
}

#[test]
fn a_retry_comes_in_its_time_though_the_clock_is_set_back() {
    let receiver = Receiver::start();
    let site = site("2s", &receiver);
    let clock = WallClock::new(&site);
    let gateway = clock.under(&site).start();
    let ledger = site.ledger();
    accepts(&gateway, &clock, &failing_once("evt_back"));
    eventually("it is to be retried", || {
        ledger.delivery("evt_back", "guest") == "retrying"
    });
    clock.set(-HOUR);
    eventually("it is retried", || {
        ledger.delivery("evt_back", "guest") == "done"
    });
    // A later event follows the clock as it is now.
    accepts(&gateway, &clock, &failing_once("evt_after"));
    eventually("so is another", || {
        ledger.delivery("evt_after", "guest") == "done"
    });
    assert_eq!(ledger.attempts("evt_after", "guest").len(), 2);
}

#[test]
fn a_retry_comes_no_sooner_though_the_clock_is_set_forward() {
    let receiver = Receiver::with(|_| Reply::Status(503));
    let site = site("30m", &receiver);
    let clock = WallClock::new(&site);
    let gateway = clock.under(&site).start();
    let ledger = site.ledger();
    accepts(&gateway, &clock, &failing_once("evt_forward"));
    let send = json!({ "do": "send", "url": receiver.url("/"), "body": "x" });
    accepts(
        &gateway,
        &clock,
        &Event::with_id("evt_send", "test.send", send),
    );
    eventually("it is to be retried", || {
        ledger.delivery("evt_forward", "guest") == "retrying"
    });
    eventually("the request was tried", || receiver.requests().len() == 1);
    for hours in [1, -1, 5, 0] {
        clock.set(hours * HOUR);
        stays("nothing is tried before its time", WHILE, || {
            ledger.delivery("evt_forward", "guest") == "retrying" && receiver.requests().len() == 1
        });
    }
    // Nothing ran in a tight loop: nothing is dead, and nothing was tried again.
    assert_eq!(ledger.attempts("evt_forward", "guest").len(), 1);
    assert_eq!(gateway.status_at("/ledger/deliveries/dead"), 0);
}

#[test]
fn a_gateway_that_is_killed_goes_on_from_where_the_clock_was() {
    let receiver = Receiver::start();
    let site = site("3s", &receiver);
    let clock = WallClock::new(&site);
    clock.set(HOUR);
    let gateway = clock.under(&site).start();
    accepts(&gateway, &clock, &failing_once("evt_killed"));
    let ledger = site.ledger();
    eventually("it is to be retried", || {
        ledger.delivery("evt_killed", "guest") == "retrying"
    });
    gateway.kill();
    clock.set(-9 * HOUR);
    let gateway = clock.under(&site).start();
    eventually("it is retried", || {
        ledger.delivery("evt_killed", "guest") == "done"
    });
    assert_eq!(gateway.status_at("/ledger/deliveries/retrying"), 0);
}

#[test]
fn requests_and_scheduled_events_come_in_their_time_too() {
    let receiver =
        Receiver::with(|request| Reply::Status(if request.before == 0 { 503 } else { 200 }));
    let site = site("2s", &receiver);
    let clock = WallClock::new(&site);
    let gateway = clock.under(&site).start();
    let steps = json!([
        { "do": "send", "url": receiver.url("/"), "body": "x" },
        { "do": "schedule", "key": "later", "after_ms": 3000, "kind": "test.due",
          "payload": { "do": "add", "key": "came" } },
    ]);
    accepts(
        &gateway,
        &clock,
        &Event::with_id("evt_plan", "test.plan", steps),
    );
    eventually("the request was tried", || receiver.requests().len() == 1);
    clock.set(-HOUR);
    eventually("the request is tried again", || {
        receiver.requests().len() == 2
    });
    let ledger = site.ledger();
    eventually("the scheduled event came", || {
        ledger.state("guest", "came").as_deref() == Some("1")
    });
}

#[test]
fn the_tolerance_goes_by_the_clock_as_it_is() {
    let receiver = Receiver::start();
    let site = site("1s", &receiver);
    let clock = WallClock::new(&site);
    clock.set(HOUR);
    let gateway = clock.under(&site).start();
    let event = Event::with_id("evt_signed", "test.done", json!({ "do": "done" }));
    // The signature has the right time, but the gateway's clock is an hour ahead.
    let signature = sign(SECRET, crate::harness::now(), &event.body);
    assert_eq!(gateway.post_signed(&signature, &event.body).status, 400);
    clock.set(0);
    assert_eq!(gateway.post_signed(&signature, &event.body).status, 200);
    clock.set(-HOUR);
    assert_eq!(gateway.post_signed(&signature, &event.body).status, 400);
}
