//! The way from a recorded event to its handlers: routes, retries, outcomes.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Event, Handler, Manifest, Site, eventually, stays};

#[test]
fn exact_types_and_globs_choose_the_handlers() {
    let manifest = Manifest::new()
        .handler(Handler::new("exact"))
        .handler(Handler::new("glob"))
        .handler(Handler::new("inner"))
        .handler(Handler::new("all"))
        .route("invoice.paid", &["exact"])
        .route("invoice.*", &["glob"])
        .route("customer.*.created", &["inner"])
        .route("*", &["all"]);
    let site = Site::new(&manifest);
    let gateway = site.start();
    let cases: [(&str, &[&str]); 6] = [
        ("invoice.paid", &["all", "exact", "glob"]),
        ("invoice.paid.late", &["all", "glob"]),
        ("invoice.", &["all", "glob"]),
        ("invoices.paid", &["all"]),
        ("customer.subscription.created", &["all", "inner"]),
        ("customer.created", &["all"]),
    ];
    let events: Vec<_> = cases
        .iter()
        .map(|(kind, _)| Event::new(kind, json!({ "do": "done" })))
        .collect();
    for event in &events {
        gateway.accepts(event);
    }
    gateway.settles();
    let ledger = site.ledger();
    for (event, (kind, handlers)) in events.iter().zip(cases) {
        let found = ledger.texts(
            "SELECT h.name FROM deliveries d JOIN events e ON e.seq = d.event
             JOIN handlers h ON h.id = d.handler WHERE e.provider_id = ?1 AND d.state = 'done'
             ORDER BY h.name",
            [&event.id],
        );
        assert_eq!(found, handlers, "{kind}");
    }
}

#[test]
fn a_handler_that_two_routes_name_gets_the_event_once() {
    let manifest = Manifest::with_one(Handler::new("guest")).route("test.*", &["guest"]);
    let site = Site::new(&manifest);
    let gateway = site.start();
    gateway.accepts(&Event::new(
        "test.count",
        json!({ "do": "add", "key": "runs" }),
    ));
    gateway.settles();
    assert_eq!(site.ledger().state("guest", "runs").as_deref(), Some("1"));
}

#[test]
fn a_filter_looks_into_the_payload() {
    let manifest = Manifest::new().handler(Handler::new("usd")).route_of(
        "stripe",
        "*",
        &["usd"],
        "where = { \"/data/object/currency\" = \"usd\", \"/data/object/amount\" = 5 }",
    );
    let site = Site::new(&manifest);
    let gateway = site.start();
    let cases = [
        (json!({ "currency": "usd", "amount": 5 }), true),
        (json!({ "currency": "eur", "amount": 5 }), false),
        (json!({ "currency": "usd", "amount": 6 }), false),
        (json!({ "currency": "usd", "amount": "5" }), false),
        (json!({ "currency": "usd" }), false),
        (json!({}), false),
    ];
    for (number, (object, routed)) in cases.into_iter().enumerate() {
        let id = format!("evt_filter_{number}");
        gateway.accepts(&Event::about(&id, "charge.succeeded", object.clone()));
        gateway.settles();
        let state = site.ledger().delivery(&id, "usd");
        assert_eq!(state, if routed { "done" } else { "" }, "{object}");
    }
    assert_eq!(gateway.status_at("/ledger/unrouted"), 5);
}

#[test]
fn an_unrouted_event_is_kept_and_counted() {
    let manifest = Manifest::new()
        .handler(Handler::new("guest"))
        .route("known", &["guest"]);
    let site = Site::new(&manifest);
    let gateway = site.start();
    let event = Event::new("unknown", json!({ "do": "done" }));
    gateway.accepts(&event);
    let ledger = site.ledger();
    assert_eq!(ledger.payload(&event.id), event.body);
    assert_eq!(ledger.count("SELECT count(*) FROM deliveries", []), 0);
    assert_eq!(gateway.status_at("/ledger/unrouted"), 1);
}

#[test]
fn handlers_of_one_event_end_each_in_its_own_way() {
    let manifest = Manifest::new()
        .handler(Handler::new("one").set("timeout = \"10s\""))
        .handler(
            Handler::new("two")
                .retry(1, "10ms")
                .set("timeout = \"50ms\""),
        )
        .route("*", &["one", "two"]);
    let site = Site::new(&manifest);
    let gateway = site.start();
    // The work takes more than 50 ms on any machine, and far less than 10 s.
    let event = Event::new("test.spin", json!({ "do": "spin", "millions": 100 }));
    gateway.accepts(&event);
    gateway.settles();
    let ledger = site.ledger();
    assert_eq!(ledger.delivery(&event.id, "one"), "done");
    assert_eq!(ledger.delivery(&event.id, "two"), "dead");
    assert_eq!(ledger.attempts(&event.id, "two")[0].outcome, "timeout");
}

#[test]
fn a_flaky_handler_succeeds_in_the_end() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let event = Event::new(
        "test.flaky",
        json!([{ "do": "add", "key": "ends" }, { "do": "flaky", "succeed_at": 3 }]),
    );
    gateway.accepts(&event);
    gateway.settles();
    let ledger = site.ledger();
    let attempts = ledger.attempts(&event.id, "guest");
    let ends: Vec<_> = attempts
        .iter()
        .map(|attempt| {
            (
                attempt.number,
                attempt.outcome.as_str(),
                attempt.detail.as_str(),
            )
        })
        .collect();
    assert_eq!(
        ends,
        [
            (1, "retry", "attempt 1 of 3"),
            (2, "retry", "attempt 2 of 3"),
            (3, "done", "")
        ]
    );
    assert_eq!(ledger.delivery(&event.id, "guest"), "done");
    assert_eq!(
        ledger.state("guest", "ends").as_deref(),
        Some("1"),
        "only the end counts"
    );
}

#[test]
fn ends_are_recorded_with_their_reasons() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest").retry(3, "10ms")));
    let gateway = site.start();
    let ends = |steps: serde_json::Value| {
        let event = Event::new("test.end", steps);
        gateway.accepts(&event);
        gateway.settles();
        let ledger = site.ledger();
        let attempts = ledger.attempts(&event.id, "guest");
        let last = attempts.last().unwrap().clone();
        (
            ledger.delivery(&event.id, "guest"),
            attempts.len(),
            last.outcome,
            last.detail,
        )
    };
    let expect = |state: &str, attempts: usize, outcome: &str, detail: &str| {
        (
            state.to_owned(),
            attempts,
            outcome.to_owned(),
            detail.to_owned(),
        )
    };
    assert_eq!(
        ends(json!({ "do": "ignored", "reason": "not ours" })),
        expect("ignored", 1, "ignored", "not ours")
    );
    assert_eq!(
        ends(json!({ "do": "reject", "reason": "no such order" })),
        expect("dead", 1, "reject", "no such order"),
        "a rejection is final"
    );
    assert_eq!(
        ends(json!({ "do": "retry", "reason": "not yet" })),
        expect("dead", 3, "retry", "not yet"),
        "attempts end"
    );
    let (state, attempts, outcome, _) = ends(json!({ "do": "trap" }));
    assert_eq!(
        (state.as_str(), attempts, outcome.as_str()),
        ("dead", 3, "trap")
    );
    assert_eq!(gateway.status_at("/ledger/deliveries/dead"), 3);
}

#[test]
fn logs_and_the_panic_message_are_kept_with_the_attempt() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest").retry(1, "10ms")));
    let gateway = site.start();
    let event = Event::new(
        "test.panic",
        json!([
            { "do": "log", "level": "warn", "message": "stock is low", "fields": [["sku", "A-7"]] },
            { "do": "panic", "message": "the sky fell" },
        ]),
    );
    gateway.accepts(&event);
    gateway.settles();
    let attempt = site.ledger().attempts(&event.id, "guest").remove(0);
    assert_eq!(attempt.outcome, "trap");
    let lines: Vec<serde_json::Value> = attempt
        .logs
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["level"], "warn");
    assert_eq!(lines[0]["message"], "stock is low");
    assert_eq!(lines[0]["fields"], json!([["sku", "A-7"]]));
    assert_eq!(lines[1]["level"], "error");
    assert!(
        lines[1]["message"]
            .as_str()
            .unwrap()
            .contains("the sky fell"),
        "{}",
        attempt.logs
    );
}

#[test]
fn the_guest_sees_the_event_as_it_was_recorded() {
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").set("config = { warehouse = \"eu-1\", limits = [1, 2] }"),
    ));
    let gateway = site.start();
    let event = Event::new("test.echo", json!([{ "do": "echo" }, { "do": "config" }]));
    let id = gateway.accepts(&event);
    gateway.settles();
    let logs = site.ledger().attempts(&event.id, "guest").remove(0).logs;
    let mut lines = logs
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let echoed = lines.next().unwrap()["fields"][0][1]
        .as_str()
        .unwrap()
        .to_owned();
    let echoed: serde_json::Value = serde_json::from_str(&echoed).unwrap();
    assert_eq!(echoed["id"], id);
    assert_eq!(echoed["source"], "stripe");
    assert_eq!(echoed["provider_id"], event.id);
    assert_eq!(echoed["kind"], "test.echo");
    assert_eq!(echoed["attempt"], 1);
    assert_eq!(echoed["replay"], false);
    assert_eq!(echoed["payload"].as_str().unwrap().as_bytes(), event.body);
    assert!(
        !echoed.to_string().contains("v1="),
        "no signature reaches a guest: {echoed}"
    );
    let config = &lines.next().unwrap()["fields"];
    assert_eq!(*config, json!([["limits", "[1,2]"], ["warehouse", "eu-1"]]));
}

#[test]
fn a_due_retry_is_found_again_after_a_restart() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest").retry(3, "1s")));
    let gateway = site.start();
    let event = Event::new("test.flaky", json!({ "do": "flaky", "succeed_at": 2 }));
    gateway.accepts(&event);
    let ledger = site.ledger();
    eventually("the first attempt fails", || {
        ledger.delivery(&event.id, "guest") == "retrying"
    });
    gateway.stop();
    assert_eq!(ledger.delivery(&event.id, "guest"), "retrying");
    let gateway = site.start();
    gateway.settles();
    assert_eq!(ledger.delivery(&event.id, "guest"), "done");
    assert_eq!(ledger.attempts(&event.id, "guest").len(), 2);
}

#[test]
fn deliveries_wait_for_a_handler_that_left_the_manifest() {
    let both = Manifest::new()
        .handler(Handler::new("leaves").retry(5, "200ms"))
        .handler(Handler::new("stays"))
        .route("*", &["leaves", "stays"]);
    let one = Manifest::new()
        .handler(Handler::new("stays"))
        .route("*", &["stays"]);
    let site = Site::new(&both);
    let gateway = site.start();
    let event = Event::new("test.flaky", json!({ "do": "flaky", "succeed_at": 3 }));
    gateway.accepts(&event);
    site.write_manifest(&one.text());
    let ledger = site.ledger();
    eventually("it is held", || {
        ledger.delivery(&event.id, "leaves") == "held"
    });
    stays("it is held", Duration::from_millis(500), || {
        ledger.delivery(&event.id, "leaves") == "held"
    });
    assert_eq!(gateway.status_at("/ledger/deliveries/held"), 1);
    // The delivery stays held after a restart.
    gateway.stop();
    let gateway = site.start();
    assert_eq!(ledger.delivery(&event.id, "leaves"), "held");
    site.write_manifest(&both.text());
    eventually("it is delivered", || {
        ledger.delivery(&event.id, "leaves") == "done"
    });
    gateway.settles();
    assert_eq!(ledger.delivery(&event.id, "stays"), "done");
}
