//! Recorded answers: what a replay, another attempt and a conflict make of them.

use std::sync::{Mutex, mpsc};

use super::*;
use crate::harness::{Receiver, Reply, eventually, run, variant};

/// A receiver that says how many requests came before.
fn counting() -> Receiver {
    let count = AtomicU64::new(0);
    Receiver::with(move |_| {
        Reply::Body(
            200,
            format!("answer {}", count.fetch_add(1, Ordering::Relaxed)),
        )
    })
}

/// The bodies of the answers that the attempts of an event got, in order.
fn answers(site: &Site, event: &Event) -> Vec<String> {
    let attempts = site.ledger().attempts(&event.id, "guest");
    let logs = attempts.iter().flat_map(|attempt| attempt.logs.lines());
    logs.map(|line| field(&serde_json::from_str(line).unwrap(), "body"))
        .collect()
}

#[test]
fn a_replay_gets_the_recorded_answers_unless_it_asks_anew() {
    let receiver = counting();
    let site = site_of(asking("guest").allow_with(receiver.address, GRANT));
    let gateway = site.start();
    let twice = json!({ "url": receiver.url("/score?order=1") });
    let event = ask(json!([twice, twice]));
    handled(&gateway, &event);
    assert_eq!(answers(&site, &event), ["answer 0", "answer 1"]);

    let delivery = site.ledger().delivery_rows(&event.id).remove(0);
    let replay = |more: &[&str]| {
        run(
            &site,
            &gateway,
            "replay",
            &[&["--delivery", &delivery, "--yes"], more].concat(),
        );
        gateway.drains();
    };
    replay(&[]);
    assert_eq!(receiver.requests().len(), 2, "no request went out");
    replay(&[]);
    assert_eq!(
        receiver.requests().len(),
        2,
        "the answers are on record again"
    );
    let recorded = ["answer 0", "answer 1"].repeat(3);
    assert_eq!(answers(&site, &event), recorded);
    replay(&["--refetch"]);
    assert_eq!(receiver.requests().len(), 4);
    assert_eq!(answers(&site, &event)[6..], ["answer 2", "answer 3"]);

    let shown = run(&site, &gateway, "deliveries show", &[&delivery]);
    let tried = shown["attempts"]
        .as_array()
        .or(shown["tried"].as_array())
        .unwrap();
    let recorded: Vec<_> = tried
        .iter()
        .map(|one| &one["immediate"][0]["recorded"])
        .collect();
    assert_eq!(recorded, [false, true, true, false], "{shown:#}");
    let first = &tried[0]["immediate"][1];
    assert_eq!(first["url"], receiver.url("/score?…"));
    assert_eq!(
        (&first["method"], &first["status"]),
        (&json!("GET"), &json!(200))
    );

    // A shadow replay sends nothing, and has the answers of the record.
    let candidate = site.path("candidate.wasm");
    std::fs::write(&candidate, variant(&component("asking"), "candidate")).unwrap();
    let shadow = site.run(
        "replay",
        &["--shadow", candidate.to_str().unwrap(), "--json"],
    );
    let told: Value = serde_json::from_slice(&shadow.stdout).unwrap();
    assert_eq!(
        (&told["compared"], &told["different"]),
        (&json!(1), &json!(0)),
        "{told:#}"
    );
    assert_eq!(receiver.requests().len(), 4);
}

#[test]
fn a_replay_of_a_dead_delivery_asks_anew_and_so_does_each_attempt() {
    let receiver = counting();
    let site = site_of(asking("guest").allow_with(receiver.address, GRANT));
    let gateway = site.start();
    let url = json!([{ "url": receiver.url("/") }]);
    let dead = asks_and(url.clone(), json!({ "end": "reject" }));
    let retried = asks_and(url, json!({ "end": "retry" }));
    handled(&gateway, &dead);
    let delivery = site.ledger().delivery_rows(&dead.id).remove(0);
    run(
        &site,
        &gateway,
        "replay",
        &["--delivery", &delivery, "--yes"],
    );
    gateway.drains();
    assert_eq!(answers(&site, &dead), ["answer 0", "answer 1"]);
    handled(&gateway, &retried);
    assert_eq!(
        answers(&site, &retried),
        ["answer 2", "answer 3", "answer 4"]
    );
}

#[test]
fn a_run_that_meets_a_conflict_asks_once() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let (arrives, arrived) = mpsc::channel::<()>();
    let arrives = Mutex::new(arrives);
    let receiver = Receiver::with(move |_| {
        arrives.lock().unwrap().send(()).unwrap();
        // The runtime of the receiver has nothing else to do.
        let _ = released.lock().unwrap().recv();
        Reply::Status(200)
    });
    let site = site_of(
        asking("guest")
            .allow_with(receiver.address, GRANT)
            .set("timeout = \"1m\""),
    );
    let gateway = site.start();
    let count = json!({ "count": "events" });
    let slow = asks_and(
        json!([{ "url": receiver.url("/"), "method": "POST" }]),
        count.clone(),
    );
    gateway.accepts(&slow);
    // The run has read the counter once its request is there.
    arrived.recv().unwrap();
    let connected = || site.ledger().state("guest", "events").as_deref() == Some("1");
    gateway.accepts(&asks_and(json!([]), count));
    eventually("the other run has changed the counter", connected);
    release.send(()).unwrap();
    gateway.drains();
    assert_eq!(site.ledger().state("guest", "events").as_deref(), Some("2"));
    assert_eq!(
        receiver.requests().len(),
        1,
        "the second run got the answer of the first"
    );
    let shown = site
        .ledger()
        .rows("SELECT recorded, status FROM exchanges", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        });
    assert_eq!(shown, [(1, 200)]);
}

#[test]
fn erasing_an_event_erases_the_answers() {
    let receiver = Receiver::with(|_| Reply::Body(200, "name: Ada Nobody-Else".to_owned()));
    let site = site_of(asking("guest").allow_with(receiver.address, GRANT));
    let gateway = site.start();
    let event = ask(json!([{ "url": receiver.url("/"), "timeout_ms": 60_000 }]));
    handled(&gateway, &event);
    let bodies = "SELECT count(*) FROM exchanges WHERE length(body) > 0";
    assert_eq!(site.ledger().count(bodies, []), 1);
    let found = site.ledger().texts("SELECT id FROM v_events", []);
    run(&site, &gateway, "events erase", &[&found[0]]);
    assert_eq!(site.ledger().count(bodies, []), 0);
}
