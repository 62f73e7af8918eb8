//! The limits of each receiving host, and slow or overloaded receivers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::harness::{Event, Handler, Manifest, Receiver, Reply, Site, eventually};

const EVENTS: usize = 30;

/// Makes an event that sends one request to each of the receivers.
fn sends(number: usize, receivers: &[&Receiver]) -> Event {
    let steps: Vec<_> = receivers
        .iter()
        .map(|receiver| json!({ "do": "send", "url": receiver.url("/"), "body": number }))
        .collect();
    Event::with_id(&format!("evt_{number}"), "test", json!(steps))
}

/// A receiver that does not respond gets no more requests than its limit and delays no other
/// receiver. Its waiting requests use no tries.
#[test]
fn a_receiver_that_hangs_holds_up_no_other() {
    let slow = Receiver::with(|_| Reply::Hang(Duration::from_secs(3600)));
    let fast = Receiver::start();
    let guest = Handler::new("guest")
        .allow(slow.address)
        .allow(fast.address);
    let limits = format!("[outbox.hosts.\"{}\"]\nconcurrency = 2\n", slow.address);
    let manifest = Manifest::new()
        .handler(guest)
        .section(&limits)
        .route("*", &["guest"]);
    let site = Site::new(&manifest);
    let gateway = site.start();
    for number in 0..EVENTS {
        gateway.accepts(&sends(number, &[&slow, &fast]));
    }
    eventually("what goes elsewhere has gone", || fast.effects() == EVENTS);
    eventually("two wait for an answer", || slow.requests().len() == 2);
    let ledger = site.ledger();
    eventually("and all else waits untried", || {
        let of_slow = format!("{}%", slow.url("/"));
        let sql =
            "SELECT count(*) FROM outbox WHERE state = 'waiting' AND tries = 0 AND url LIKE ?1";
        ledger.count(sql, [of_slow]) == EVENTS as i64
    });
    assert_eq!(slow.requests().len(), 2);
}

/// One response with `Retry-After` holds back all requests to a receiver, and the status
/// shows it.
#[test]
fn a_receiver_that_asks_for_time_gets_it_from_all_requests() {
    static ASKS: AtomicBool = AtomicBool::new(true);
    let receiver = Receiver::with(|_| match ASKS.load(Ordering::Relaxed) {
        true => Reply::RetryAfter(503, 1),
        false => Reply::Status(200),
    });
    let manifest = Manifest::with_one(Handler::new("guest").allow(receiver.address))
        .section("[outbox.per_host]\nconcurrency = 1\n");
    let site = Site::new(&manifest);
    let gateway = site.start();
    for number in 0..EVENTS {
        gateway.accepts(&sends(number, &[&receiver]));
    }
    let held = format!("/held_hosts_until_ms/{}", receiver.address);
    eventually("it is left alone", || gateway.status_at(&held).is_u64());
    ASKS.store(false, Ordering::Relaxed);
    let asked = receiver.requests().len();
    eventually("all have gone", || receiver.effects() == EVENTS);
    eventually("nothing is held", || gateway.status_at(&held).is_null());
    // The refused requests came again. One request may have come just before the receiver
    // stopped refusing.
    let came = receiver.requests().len();
    let all = EVENTS + asked;
    assert!((all - 1..=all).contains(&came), "{came}, {asked}");
    // Each hold ends with one trial request, not with all thirty.
    assert!(asked < 10, "{asked}");
}
