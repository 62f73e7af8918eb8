//! Effects of handlers: once, and all or none.

use serde_json::json;

use crate::harness::{Event, Handler, Manifest, Receiver, Site};

#[test]
fn state_requests_and_events_commit_together() {
    let receiver = Receiver::start();
    let manifest = Manifest::new()
        .handler(Handler::new("guest").allow(receiver.address))
        .handler(Handler::new("next"))
        .route("*", &["guest"])
        .route_of("handler:guest", "order.*", &["next"], "");
    let site = Site::new(&manifest);
    let gateway = site.start();
    let event = Event::new(
        "test.effects",
        json!([
            { "do": "set", "key": "order/1", "value": "paid" },
            { "do": "send", "url": receiver.url("/ship"), "headers": [["x-order", "1"]],
              "body": { "order": 1 } },
            { "do": "emit", "kind": "order.fulfilled", "subject": "order_1",
              "payload": { "do": "echo" } },
            { "do": "set", "key": "order/2", "value": "paid" },
        ]),
    );
    let id = gateway.accepts(&event);
    gateway.drains();
    let ledger = site.ledger();
    assert_eq!(ledger.states("guest").len(), 2);
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/ship")
    );
    assert_eq!(request.body, "{\"order\":1}");
    assert_eq!(request.headers["x-order"], "1");
    let keys = ledger.texts("SELECT key FROM outbox WHERE state = 'sent'", []);
    assert_eq!(keys, [request.key.as_str()]);
    assert!(!request.key.is_empty());
    let emitted = ledger.rows(
        "SELECT source, kind, subject FROM v_events WHERE source <> 'stripe'",
        [],
        |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
            ))
        },
    );
    assert_eq!(
        emitted,
        [(
            "handler:guest".into(),
            "order.fulfilled".into(),
            "order_1".into()
        )]
    );
    assert_eq!(ledger.deliveries_in("next", "done"), 1);
    let logs = ledger.texts("SELECT logs FROM v_attempts WHERE handler = 'next'", []);
    assert!(
        logs[0].contains(&id),
        "the emitted event names its cause: {logs:?}"
    );
}

#[test]
fn a_run_that_fails_after_its_effects_leaves_none() {
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest")
            .retry(2, "10ms")
            .allow(receiver.address)
            .set("timeout = \"300ms\""),
    ));
    let gateway = site.start();
    for end in [
        json!({ "do": "trap" }),
        json!({ "do": "loop" }),
        json!({ "do": "panic", "message": "x" }),
        json!({ "do": "retry", "reason": "x" }),
        json!({ "do": "reject", "reason": "x" }),
    ] {
        gateway.accepts(&Event::new(
            "test.fails",
            json!([
                { "do": "set", "key": "a", "value": "v" },
                { "do": "add", "key": "n" },
                { "do": "send", "url": receiver.url("/never") },
                { "do": "emit", "kind": "never" },
                end,
            ]),
        ));
    }
    gateway.drains();
    let ledger = site.ledger();
    assert_eq!(ledger.deliveries_in("guest", "dead"), 5);
    assert_eq!(ledger.states("guest"), []);
    assert_eq!(ledger.events(), 5, "nothing was emitted");
    assert_eq!(ledger.count("SELECT count(*) FROM outbox", []), 0);
    assert_eq!(receiver.requests().len(), 0);
}

#[test]
fn a_retry_after_a_trap_has_each_effect_once() {
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ));
    let gateway = site.start();
    let event = Event::new(
        "test.trap",
        json!([
            { "do": "add", "key": "n" },
            { "do": "send", "url": receiver.url("/once"), "body": "x" },
            { "do": "trap_until", "succeed_at": 3 },
        ]),
    );
    gateway.accepts(&event);
    gateway.drains();
    let ledger = site.ledger();
    let outcomes: Vec<_> = ledger
        .attempts(&event.id, "guest")
        .into_iter()
        .map(|attempt| attempt.outcome)
        .collect();
    assert_eq!(outcomes, ["trap", "trap", "done"]);
    assert_eq!(ledger.state("guest", "n").as_deref(), Some("1"));
    assert_eq!(receiver.requests().len(), 1);
}

#[test]
fn concurrent_increments_lose_no_update() {
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").set("concurrency = 32"),
    ));
    let gateway = site.start();
    let count = 300;
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..count / 6 {
                    gateway.accepts(&Event::new(
                        "test.count",
                        json!([
                            { "do": "increment", "key": "read-and-set" },
                            { "do": "spin", "millions": 1 },
                            { "do": "add", "key": "added", "delta": 2 },
                        ]),
                    ));
                }
            });
        }
    });
    gateway.settles();
    let ledger = site.ledger();
    assert_eq!(ledger.deliveries_in("guest", "done"), count);
    assert_eq!(
        ledger.state("guest", "read-and-set"),
        Some(count.to_string())
    );
    assert_eq!(
        ledger.state("guest", "added"),
        Some((2 * count).to_string())
    );
    let attempts = ledger.count("SELECT count(*) FROM attempts", []);
    assert_eq!(attempts, count, "a conflict is no attempt");
}

#[test]
fn a_chain_of_emitted_events_ends() {
    let manifest = Manifest::with_one(Handler::new("guest")).route_of(
        "handler:guest",
        "chain",
        &["guest"],
        "",
    );
    let site = Site::new(&manifest);
    let gateway = site.start();
    // Each event of the chain contains the next one. The chain is longer than allowed.
    let mut chain = json!({ "steps": [{ "do": "add", "key": "links" }] });
    for _ in 0..20 {
        chain = json!({ "steps": [
            { "do": "add", "key": "links" },
            { "do": "emit", "kind": "chain", "payload": chain },
        ] });
    }
    gateway.accepts(&Event::new("start", chain["steps"].clone()));
    gateway.settles();
    let ledger = site.ledger();
    let links: i64 = ledger.state("guest", "links").unwrap().parse().unwrap();
    assert!((2..20).contains(&links), "the chain had {links} links");
    assert_eq!(ledger.events(), links);
    let refused = ledger.texts(
        "SELECT logs FROM v_attempts WHERE logs LIKE '%refused%'",
        [],
    );
    assert_eq!(refused.len(), 1, "the last link was told: {refused:?}");
}
