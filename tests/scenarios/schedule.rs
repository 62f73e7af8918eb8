//! Events that handlers schedule for themselves: each arrives once, when due, whatever
//! happens in between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Event, Handler, Ledger, Manifest, Receiver, Site, eventually, now, run, stays, try_run,
};

fn site() -> Site {
    Site::new(&Manifest::with_one(Handler::new("guest")))
}

/// Makes an event that puts `payload` into the guest's schedule.
fn plan(key: &str, after_ms: u64, payload: &Value) -> Event {
    Event::new(
        "test.plan",
        json!({ "do": "schedule", "key": key, "after_ms": after_ms, "kind": "test.due",
                "subject": "order_1", "payload": payload }),
    )
}

/// Makes the payload of a scheduled event that counts itself.
fn counting(counter: &str) -> Value {
    json!({ "do": "add", "key": counter })
}

fn waiting(ledger: &Ledger) -> i64 {
    ledger.count("SELECT count(*) FROM schedule", [])
}

fn recorded(ledger: &Ledger) -> i64 {
    ledger.count("SELECT count(*) FROM events WHERE kind = 'test.due'", [])
}

#[test]
fn a_scheduled_event_arrives_when_it_is_due() {
    let manifest = Manifest::new()
        .handler(Handler::new("guest"))
        .handler(Handler::new("other"))
        .route("*", &["guest"])
        .route_of("handler:guest", "*", &["other"], "");
    let site = Site::new(&manifest);
    let gateway = site.start();
    let before = i64::try_from(now() * 1000).unwrap();
    let id = gateway.accepts(&plan("remind/1", 4000, &json!({ "do": "echo" })));
    gateway.settles();
    assert_eq!(gateway.status_at("/ledger/scheduled"), 1);
    let ledger = site.ledger();
    assert_eq!(recorded(&ledger), 0, "not before its time");
    let listed = site.run("schedule list", &["--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed[0]["key"], "remind/1");
    assert_eq!(listed[0]["cause"], id.as_str());
    let due = listed[0]["due_ms"].as_i64().unwrap();
    assert!(due >= before + 4000, "{due}");

    eventually("it is due", || recorded(&ledger) == 1);
    gateway.settles();
    let logs = ledger.texts("SELECT logs FROM v_attempts a WHERE logs LIKE '%echo%'", []);
    assert_eq!(logs.len(), 1, "it went to its handler alone: {logs:?}");
    for part in ["handler:guest", "test.due", "order_1", "remind/1", &id] {
        assert!(logs[0].contains(part), "{part}: {logs:?}");
    }
    let (created, received) = ledger
        .rows(
            "SELECT created, received FROM events WHERE kind = 'test.due'",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )
        .remove(0);
    assert_eq!(created, due);
    assert!(received >= due, "{received} is before {due}");
    assert_eq!(gateway.status_at("/ledger/scheduled"), 0);
    assert_eq!(ledger.deliveries_in("other", "done"), 0);
}

#[test]
fn entries_are_replaced_and_cancelled() {
    let site = site();
    let gateway = site.start();
    gateway.accepts(&plan("a", 600_000, &counting("first")));
    gateway.accepts(&plan("b", 600_000, &counting("cancelled")));
    gateway.settles();
    gateway.accepts(&plan("a", 10, &counting("second")));
    gateway.accepts(&Event::new(
        "test.cancel",
        json!([{ "do": "cancel", "key": "b" }, { "do": "cancel", "key": "none" }]),
    ));
    gateway.settles();
    let ledger = site.ledger();
    eventually("the second is due", || {
        ledger.state("guest", "second").is_some()
    });
    assert_eq!(waiting(&ledger), 0);
    assert_eq!(ledger.states("guest").len(), 1);
    let empty = site.run("schedule list", &[]);
    assert_eq!(empty.stdout, b"nothing is scheduled\n");
}

#[test]
fn an_operator_has_one_now_and_cancels_another() {
    let site = site();
    let gateway = site.start();
    let planned = plan("soon", 600_000, &counting("run"));
    gateway.accepts(&planned);
    gateway.accepts(&plan("never", 700_000, &counting("cancelled")));
    gateway.settles();
    let act = |verb, key| {
        let arguments = ["guest", key, "--why", "a trial"];
        try_run(&site, &gateway, &format!("schedule {verb}"), &arguments)
    };
    let listed = run(&site, &gateway, "schedule list", &["--handler", "guest"]);
    let keys = [&listed[0]["key"], &listed[1]["key"], &listed[2]];
    assert_eq!(keys, [&json!("soon"), &json!("never"), &Value::Null]);
    let none = run(&site, &gateway, "schedule list", &["--handler", "nobody"]);
    assert_eq!(none, json!([]));
    assert_eq!(act("run", "soon").0, 0);
    let ledger = site.ledger();
    eventually("it is handled", || {
        ledger.state("guest", "run").as_deref() == Some("1")
    });
    assert_eq!(act("cancel", "never").0, 0);
    assert_eq!(waiting(&ledger), 0);
    for verb in ["run", "cancel"] {
        let (code, _, stderr) = act(verb, "never");
        assert_eq!(code, 3, "{stderr}");
        assert!(stderr.contains("nothing scheduled"), "{stderr}");
    }
    gateway.settles();
    assert_eq!(ledger.states("guest").len(), 1);
    // The record stands with the delivery that scheduled the event.
    let shown = run(&site, &gateway, "deliveries show", &["1"]);
    let done = &shown["interventions"][0];
    assert_eq!(
        (&done["action"], &done["scheduled"], &done["why"]),
        (&json!("run"), &json!("soon"), &json!("a trial"))
    );
    gateway.stop();
}

#[test]
fn a_run_that_fails_schedules_nothing() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest").retry(1, "10ms")));
    let gateway = site.start();
    for end in [
        json!({ "do": "trap" }),
        json!({ "do": "reject", "reason": "x" }),
    ] {
        let put = json!({ "do": "schedule", "key": "a", "kind": "test.due" });
        gateway.accepts(&Event::new("test.fails", json!([put, end])));
    }
    gateway.settles();
    let ledger = site.ledger();
    assert_eq!(ledger.deliveries_in("guest", "dead"), 2);
    assert_eq!((waiting(&ledger), recorded(&ledger)), (0, 0));
}

#[test]
fn what_cannot_be_scheduled_is_refused_or_fails_the_attempt() {
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest")
            .retry(1, "10ms")
            .set("effects = \"1KiB\""),
    ));
    let gateway = site.start();
    let put = |more: Value| {
        let mut step = json!({ "do": "schedule", "key": "k", "kind": "test.due" });
        let more = more.as_object().unwrap().clone();
        step.as_object_mut().unwrap().extend(more);
        step
    };
    let refused = Event::new(
        "test.refused",
        json!([
            put(json!({ "key": "" })),
            put(json!({ "key": { "repeat": "k", "times": 513 } })),
            put(json!({ "kind": "" })),
            put(json!({ "after_ms": 401_u64 * 24 * 60 * 60 * 1000 })),
            put(json!({ "payload": "x".repeat(2000) })),
            { "do": "cancel", "key": "" },
        ]),
    );
    gateway.accepts(&refused);
    let year_3000 = 32_503_680_000_000_u64;
    let far = Event::new("test.far", put(json!({ "at_ms": year_3000 })));
    gateway.accepts(&far);
    gateway.settles();
    let ledger = site.ledger();
    let attempt = ledger.attempts(&refused.id, "guest").remove(0);
    assert_eq!(attempt.outcome, "done");
    assert_eq!(
        attempt.logs.matches("refused").count(),
        6,
        "{}",
        attempt.logs
    );
    let attempt = ledger.attempts(&far.id, "guest").remove(0);
    assert_eq!(attempt.outcome, "error");
    assert!(attempt.detail.contains("400 days"), "{}", attempt.detail);
    assert_eq!(waiting(&ledger), 0);
}

#[test]
fn nothing_scheduled_is_lost_or_doubled_by_kills() {
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ));
    let rounds = 6;
    for round in 0..rounds {
        let gateway = site.start();
        for number in 0..40_u64 {
            let name = format!("{round}-{number}");
            let effects = json!({ "steps": [
                { "do": "increment", "key": name },
                { "do": "send", "url": receiver.url("/"), "body": name },
            ] });
            // Some events are due before the kill, some while no gateway runs, some after the
            // restart.
            gateway.accepts(&plan(&name, number * 20, &effects));
        }
        std::thread::sleep(Duration::from_millis(round * 60));
        gateway.kill();
    }
    let gateway = site.start();
    let ledger = site.ledger();
    let total = i64::try_from(rounds * 40).unwrap();
    eventually("all are due", || {
        ledger.unfinished() == 0 && waiting(&ledger) == 0
    });
    gateway.drains();
    assert_eq!(recorded(&ledger), total);
    assert_eq!(gateway.status_at("/ledger/scheduled"), 0);
    let states = ledger.states("guest");
    assert_eq!(states.len() as i64, total);
    assert!(states.iter().all(|(_, value)| value == "1"), "{states:?}");
    assert_eq!(receiver.effects() as i64, total);
    assert_eq!(receiver.keys_by_body().len() as i64, total);
}

#[test]
fn a_chain_of_events_that_schedule_each_other_ends_or_slows_down() {
    let site = site();
    let gateway = site.start();
    // Each event contains the next one. The chain is longer than allowed at once.
    let mut chain = json!({ "do": "add", "key": "links" });
    for _ in 0..12 {
        chain = json!({ "steps": [
            { "do": "add", "key": "links" },
            { "do": "schedule", "key": "chain", "kind": "test.due", "payload": chain },
        ] });
    }
    gateway.accepts(&Event::new("test.chain", chain["steps"].clone()));
    let ledger = site.ledger();
    let links = || ledger.state("guest", "links");
    eventually("as many as may follow at once", || {
        links().as_deref() == Some("9")
    });
    stays("the next waits", Duration::from_millis(500), || {
        links().as_deref() == Some("9") && waiting(&ledger) == 1
    });
    let ahead = ledger.count("SELECT due - 1000 * unixepoch('now') FROM schedule", []);
    assert!((50_000..=61_000).contains(&ahead), "{ahead} ms ahead");
}

#[test]
fn what_falls_due_for_an_absent_handler_is_held() {
    let with = Manifest::new()
        .handler(Handler::new("guest"))
        .handler(Handler::new("stays"))
        .route("*", &["guest"]);
    let without = Manifest::new()
        .handler(Handler::new("stays"))
        .route("*", &["stays"]);
    let site = Site::new(&with);
    let gateway = site.start();
    gateway.accepts(&plan("a", 4000, &counting("ran")));
    gateway.settles();
    site.write_manifest(&without.text());
    eventually("the handler has left", || gateway.generation() == 2);
    let ledger = site.ledger();
    eventually("it is held", || ledger.deliveries_in("guest", "held") == 1);
    site.write_manifest(&with.text());
    eventually("it runs", || {
        ledger.state("guest", "ran").as_deref() == Some("1")
    });
}

#[test]
fn scheduled_events_of_one_key_run_one_after_another() {
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest")
            .retry(5, "100ms")
            .set("order_by = \"subject\""),
    ));
    let gateway = site.start();
    // Both events are about the same order, and each fails twice.
    let flaky = json!({ "do": "flaky", "succeed_at": 3 });
    let put = |key: &str| {
        json!({ "do": "schedule", "key": key, "kind": "test.due", "subject": "order_1",
                "after_ms": 10, "payload": flaky })
    };
    gateway.accepts(&Event::new("test.plan", json!([put("a"), put("b")])));
    let ledger = site.ledger();
    let attempts = || ledger.attempted("test.due");
    eventually("both are done", || attempts().len() == 6);
    let attempts = attempts();
    assert!(attempts.is_sorted(), "{attempts:?}");
}
