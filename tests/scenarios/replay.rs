//! Having events handled again: dead letters, effects with new and old keys, other routes,
//! the component of then.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::harness::{
    Event, Gateway, Handler, Manifest, Receiver, Site, component, digest, eventually, variant,
};

/// What a command prints with `--json`, and what it ends with.
pub(super) fn try_run(
    site: &Site,
    gateway: &Gateway,
    subcommand: &str,
    arguments: &[&str],
) -> (i32, Value, String) {
    let url = format!("http://{}", gateway.admin);
    let mut all = vec!["--url", &url, "--json"];
    all.extend(arguments);
    let output = site.run(subcommand, &all);
    (
        output.status.code().unwrap(),
        serde_json::from_slice(&output.stdout).unwrap_or_default(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[track_caller]
pub(super) fn run(site: &Site, gateway: &Gateway, subcommand: &str, arguments: &[&str]) -> Value {
    let (code, told, stderr) = try_run(site, gateway, subcommand, arguments);
    assert_eq!(code, 0, "{subcommand} {arguments:?}: {stderr}");
    told
}

/// The places of an event's deliveries.
fn places(site: &Site, event: &Event) -> Vec<String> {
    let found = site.ledger().rows(
        "SELECT d.seq FROM deliveries d JOIN events e ON e.seq = d.event
         WHERE e.provider_id = ?1 ORDER BY d.seq",
        [&event.id],
        |row| row.get::<_, i64>(0),
    );
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_dead_letter_is_replayed_when_its_cause_is_gone() {
    let receiver = Receiver::start();
    let broken = Handler::new("guest").retry(1, "10ms");
    let site = Site::new(&Manifest::with_one(broken.clone()));
    let gateway = site.start();
    let event = Event::new(
        "test.dead",
        json!([
            { "do": "echo" },
            { "do": "send", "url": receiver.url("/ship"), "body": {}, "must": true },
        ]),
    );
    gateway.accepts(&event);
    gateway.settles();
    let ledger = site.ledger();
    assert_eq!(ledger.delivery(&event.id, "guest"), "dead");

    let counted = run(
        &site,
        &gateway,
        "replay",
        &["--kind", "test.*", "--dry-run"],
    );
    assert_eq!(
        (&counted["replayed"], &counted["keys"]),
        (&json!(1), &json!("new"))
    );
    assert_eq!(counted["by"], json!({ "guest dead": 1 }));
    assert_eq!(ledger.delivery(&event.id, "guest"), "dead", "only counted");
    // A filter may mean a great many: it is not taken at its word where nobody can be asked.
    let (code, _, stderr) = try_run(&site, &gateway, "replay", &["--state", "dead"]);
    assert_eq!(code, 2, "{stderr}");
    assert_eq!(ledger.delivery(&event.id, "guest"), "dead");

    let mended = Manifest::with_one(broken.allow(receiver.address));
    site.write_manifest(&mended.text());
    eventually("the new manifest serves", || gateway.generation() == 2);
    let why = [
        "--state",
        "dead",
        "--yes",
        "--why",
        "the crm may be reached now",
    ];
    let told = run(&site, &gateway, "events replay", &why);
    assert_eq!(told["replayed"], 1);
    gateway.drains();
    assert_eq!(ledger.delivery(&event.id, "guest"), "done");
    assert_eq!(receiver.requests().len(), 1);
    let attempts = ledger.attempts(&event.id, "guest");
    assert_eq!(attempts.len(), 2, "those of the first run are kept");
    assert!(
        attempts[0].logs.contains("\\\"replay\\\":false"),
        "{attempts:?}"
    );
    assert!(
        attempts[1].logs.contains("\\\"replay\\\":true"),
        "{attempts:?}"
    );
    assert_eq!(attempts[1].number, 1, "a run of its own");

    let place = &places(&site, &event)[0];
    let shown = run(&site, &gateway, "deliveries show", &[place]);
    assert_eq!(shown["interventions"][0]["action"], "replay");
    assert_eq!(
        shown["interventions"][0]["why"],
        "the crm may be reached now"
    );
    assert_eq!(shown["tried"][1]["run"], 1);
    let none = run(&site, &gateway, "replay", &["--state", "dead", "--dry-run"]);
    assert_eq!(none["matched"], 0);
}

#[test]
fn effects_happen_again_with_new_keys_and_not_with_the_same() {
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
            { "do": "add", "key": "n" },
            { "do": "send", "url": receiver.url("/ship"), "body": {} },
            { "do": "emit", "kind": "order.fulfilled", "payload": { "do": "done" } },
        ]),
    );
    let id = gateway.accepts(&event);
    gateway.drains();
    let ledger = site.ledger();
    let came = || -> Vec<String> {
        gateway.drains();
        let requests = receiver.requests();
        requests.into_iter().map(|request| request.key).collect()
    };
    assert_eq!((came().len(), ledger.events()), (1, 2));

    let told = run(&site, &gateway, "events replay", &[&id, "--same-keys"]);
    assert_eq!(
        (&told["replayed"], &told["keys"]),
        (&json!(1), &json!("same"))
    );
    let keys = came();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1], "what deduplicates sees nothing new");
    assert_eq!(ledger.events(), 2, "what was emitted is not emitted again");

    run(&site, &gateway, "replay", &[&id]);
    let keys = came();
    assert_eq!(keys.len(), 3);
    assert_ne!(keys[2], keys[1]);
    assert_eq!(ledger.events(), 3, "emitted anew");
    assert_eq!(ledger.deliveries_in("next", "done"), 2);
    assert_eq!(
        ledger.state("guest", "n").as_deref(),
        Some("3"),
        "state is written each time"
    );
    let runs = ledger.count(
        "SELECT count(DISTINCT run) FROM attempts WHERE delivery = 1",
        [],
    );
    assert_eq!(runs, 3, "each on record");
}

#[test]
fn unrouted_and_held_events_go_to_the_handlers_of_now() {
    let manifest = |handler: &str, events: &str| {
        Manifest::new()
            .handler(Handler::new(handler))
            .route(events, &[handler])
    };
    let site = Site::new(&manifest("old", "known.*"));
    let gateway = site.start();
    let unrouted = Event::new("unknown.kind", json!({ "do": "echo" }));
    gateway.accepts(&unrouted);
    let done = Event::new("known.done", json!({ "do": "done" }));
    gateway.accepts(&done);
    let held = Event::new("known.later", json!({ "do": "retry", "after_ms": 1000 }));
    gateway.accepts(&held);
    let ledger = site.ledger();
    eventually("one is to be tried again", || {
        ledger.delivery(&held.id, "old") == "retrying"
    });
    site.write_manifest(&manifest("new", "*").text());
    eventually("it is held", || ledger.delivery(&held.id, "old") == "held");
    assert_eq!(gateway.status_at("/ledger/unrouted"), 1);

    // Nothing runs what is held, nor what a handler did that is gone.
    let (_, told, _) = try_run(
        &site,
        &gateway,
        "replay",
        &["--handler", "old", "--state", "done", "--dry-run"],
    );
    assert_eq!(
        (&told["matched"], &told["replayed"]),
        (&json!(1), &json!(0)),
        "{told}"
    );
    let counted = run(
        &site,
        &gateway,
        "replay",
        &["--routes", "--kind", "unknown.*", "--dry-run"],
    );
    assert_eq!(counted["by"], json!({ "to new": 1 }));
    let told = run(
        &site,
        &gateway,
        "replay",
        &["--routes", "--kind", "unknown.*", "--yes"],
    );
    assert_eq!(told["replayed"], 1);
    gateway.settles();
    assert_eq!(ledger.delivery(&unrouted.id, "new"), "done");
    let attempts = ledger.attempts(&unrouted.id, "new");
    assert!(
        attempts[0].logs.contains("\\\"replay\\\":true"),
        "{attempts:?}"
    );
    assert_eq!(gateway.status_at("/ledger/unrouted"), 0);
    let again = run(
        &site,
        &gateway,
        "replay",
        &["--routes", "--kind", "unknown.*", "--yes"],
    );
    assert_eq!(again["matched"], 0);

    let told = run(
        &site,
        &gateway,
        "replay",
        &["--routes", "--state", "held", "--yes"],
    );
    assert_eq!(told["replayed"], 1, "{told}");
    assert_eq!(
        ledger.delivery(&done.id, "new"),
        "",
        "that one was not meant"
    );
    assert_eq!(ledger.delivery(&held.id, "old"), "dead", "its work went on");
    assert_ne!(ledger.delivery(&held.id, "new"), "");
    let place = &places(&site, &held)[0];
    let shown = run(&site, &gateway, "deliveries show", &[place]);
    assert_eq!(shown["interventions"][0]["action"], "replaced");
}

#[test]
fn many_deliveries_are_tried_now_or_cancelled() {
    let handler = Handler::new("guest").retry(5, "1h").set("breaker = false");
    let site = Site::new(&Manifest::with_one(handler));
    let gateway = site.start();
    // More than one step changes.
    for n in 0..260 {
        let (kind, steps) = if n % 2 == 0 {
            ("test.again", json!({ "do": "flaky", "succeed_at": 2 }))
        } else {
            ("test.never", json!({ "do": "retry", "reason": "no stock" }))
        };
        gateway.accepts(&Event::with_id(&format!("evt_{n}"), kind, steps));
    }
    let ledger = site.ledger();
    let in_state = |state| ledger.deliveries_in("guest", state);
    eventually("all wait for an hour", || in_state("retrying") == 260);

    let again = ["--kind", "test.again"];
    let counted = run(
        &site,
        &gateway,
        "deliveries retry",
        &[again[0], again[1], "--dry-run"],
    );
    assert_eq!(counted["by"], json!({ "guest retrying": 130 }));
    let (code, _, _) = try_run(&site, &gateway, "deliveries retry", &again);
    assert_eq!((code, in_state("retrying")), (2, 260), "nobody says yes");
    let done = run(
        &site,
        &gateway,
        "deliveries retry",
        &[again[0], again[1], "--yes"],
    );
    assert_eq!(done["done"], 130, "{done}");
    eventually("these are done", || in_state("done") == 130);

    let never = ["--kind", "test.*", "--yes", "--why", "no stock for long"];
    let done = run(&site, &gateway, "deliveries cancel", &never);
    assert_eq!(done["done"], 130, "{done}");
    assert_eq!(done["refused"], json!({ "it is done": 130 }));
    assert_eq!(in_state("dead"), 130);
    let (code, refused, _) = try_run(&site, &gateway, "deliveries cancel", &["1", "2"]);
    assert_eq!((code, &refused["done"]), (1, &json!(0)), "{refused}");
    gateway.stop();
}

#[test]
fn a_delivery_is_tried_now_or_cancelled() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest").retry(5, "1h")));
    let gateway = site.start();
    let again = Event::new("test.again", json!({ "do": "flaky", "succeed_at": 2 }));
    let never = Event::new("test.never", json!({ "do": "retry", "reason": "no stock" }));
    let ledger = site.ledger();
    for event in [&again, &never] {
        gateway.accepts(event);
        eventually("it waits for an hour", || {
            ledger.delivery(&event.id, "guest") == "retrying"
        });
    }
    let [again_place, never_place] = [&again, &never].map(|event| places(&site, event).remove(0));
    run(&site, &gateway, "deliveries retry", &[&again_place]);
    eventually("it is done", || {
        ledger.delivery(&again.id, "guest") == "done"
    });
    let (code, _, stderr) = try_run(&site, &gateway, "deliveries retry", &[&again_place]);
    assert_eq!(code, 1);
    assert!(stderr.contains("replay it"), "{stderr}");

    let why = ["--why", "refunded by hand"];
    let shown = run(
        &site,
        &gateway,
        "deliveries cancel",
        &[&never_place, why[0], why[1]],
    );
    assert_eq!(shown["state"], "dead");
    assert_eq!(shown["interventions"][0]["why"], "refunded by hand");
    let dead = run(&site, &gateway, "deliveries list", &["--state", "dead"]);
    assert_eq!(dead[0]["seq"].to_string(), never_place);
    let (code, _, stderr) = try_run(&site, &gateway, "deliveries cancel", &[&never_place]);
    assert_eq!(code, 1, "{stderr}");
    // Changes need a gateway that runs.
    gateway.stop();
    let output = site.run("deliveries cancel", &[&never_place]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("no gateway answers")
    );
}

#[test]
fn a_replay_may_run_the_component_of_then() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let event = Event::new("test.then", json!({ "do": "done" }));
    let id = gateway.accepts(&event);
    gateway.settles();
    let old = gateway.serves("guest");
    let kept = |digest: &str| site.path(format!("data/components/{digest}.wasm")).exists();
    let mut made = Vec::new();
    for (n, tag) in ["one", "two", "three"].into_iter().enumerate() {
        let bytes = variant(&component("conformance"), tag);
        made.push(digest(&bytes));
        site.plug("conformance.wasm", &bytes);
        eventually("it serves", || gateway.serves("guest") == made[n]);
    }
    eventually("what never ran is kept no longer", || !kept(&made[0]));
    assert!(
        kept(&old) && kept(&made[2]),
        "what an attempt names is kept"
    );

    run(&site, &gateway, "replay", &[&id, "--recorded"]);
    gateway.settles();
    run(&site, &gateway, "replay", &[&id]);
    gateway.settles();
    let attempts = site.ledger().attempts(&event.id, "guest");
    let ran: Vec<_> = attempts.iter().map(|attempt| &attempt.component).collect();
    assert_eq!(ran, [&old, &old, &made[2]]);

    std::fs::remove_file(site.path(format!("data/components/{}.wasm", made[2]))).unwrap();
    site.plug("conformance.wasm", &component("conformance"));
    eventually("the first serves again", || gateway.serves("guest") == old);
    let told = run(&site, &gateway, "replay", &[&id, "--recorded", "--dry-run"]);
    assert_eq!(told["replayed"], 0, "{told}");
}

#[test]
fn many_are_replayed_in_steps_once_each() {
    const MANY: usize = 350;
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ));
    let gateway = site.start();
    let steps = json!([
        { "do": "add", "key": "n" },
        { "do": "send", "url": receiver.url("/ship"), "body": {} },
    ]);
    for _ in 0..MANY {
        gateway.accepts(&Event::new("test.many", steps.clone()));
    }
    gateway.drains();
    let why = ["--kind", "test.many", "--state", "done"];
    let counted = run(
        &site,
        &gateway,
        "replay",
        &[&why[..], &["--dry-run"]].concat(),
    );
    assert_eq!(counted["replayed"], MANY);
    let told = run(&site, &gateway, "replay", &[&why[..], &["--yes"]].concat());
    assert_eq!(told["replayed"], MANY, "{told}");
    gateway.drains();
    let ledger = site.ledger();
    assert_eq!(ledger.deliveries_in("guest", "done"), MANY as i64);
    assert_eq!(
        ledger.count("SELECT count(*) FROM deliveries WHERE run <> 1", []),
        0
    );
    assert_eq!(ledger.state("guest", "n"), Some((2 * MANY).to_string()));
    let keys: HashSet<_> = receiver.requests().into_iter().map(|r| r.key).collect();
    assert_eq!(keys.len(), 2 * MANY);
}

#[test]
fn a_candidate_is_compared_without_any_effect() {
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ));
    let gateway = site.start();
    for _ in 0..3 {
        gateway.accepts(&Event::new(
            "test.shadow",
            json!([
                { "do": "increment", "key": "n" },
                { "do": "send", "url": receiver.url("/ship"), "body": { "order": 1 } },
                { "do": "emit", "kind": "order.fulfilled", "payload": {} },
            ]),
        ));
        gateway.drains();
    }
    gateway.accepts(&Event::new(
        "test.never",
        json!({ "do": "reject", "reason": "no such order" }),
    ));
    gateway.drains();
    let shadow = |candidate: &str, bytes: &[u8], more: &[&str]| {
        let file = site.path(candidate);
        std::fs::write(&file, bytes).unwrap();
        let file = file.to_str().unwrap();
        let arguments = [&["--shadow", file, "--json"], more].concat();
        let output = site.run("replay", &arguments);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), told, stderr)
    };
    let guest = component("conformance");
    let (code, told, stderr) = shadow("same.wasm", &variant(&guest, "candidate"), &[]);
    assert_eq!(code, 0, "{told:#} {stderr}");
    assert_eq!(
        (&told["compared"], &told["different"]),
        (&json!(4), &json!(0))
    );
    let deliveries = told["deliveries"].as_array().unwrap();
    assert!(
        deliveries.iter().all(|one| one["rerun"] == true),
        "{told:#}"
    );

    // Another handler altogether: whatever it does, it is not this.
    let other = component("welcome");
    let (code, told, _) = shadow("other.wasm", &other, &["--kind", "test.shadow"]);
    assert_eq!(code, 1, "{told:#}");
    assert_eq!(
        (&told["compared"], &told["different"]),
        (&json!(3), &json!(3))
    );
    let was = |n: usize, what: &str| {
        let differences = told["deliveries"][n]["differences"].as_array().unwrap();
        let found = differences
            .iter()
            .find(|difference| difference["what"] == what);
        let found = found.unwrap_or_else(|| panic!("{what}: {told:#}"));
        found["was"].as_str().unwrap().to_owned()
    };
    assert!(was(0, "request 1").contains("{\"order\":1}"));
    assert!(was(0, "event 1").starts_with("order.fulfilled"));
    // Each run saw what the one before it wrote to the copy of the present state.
    let values = [0, 1, 2].map(|n| was(n, "state n"));
    assert_eq!(values, ["set to 4", "set to 5", "set to 6"]);

    // The component that ran then is gone: the record is all there is.
    let kept = site.path(format!("data/components/{}.wasm", digest(&guest)));
    std::fs::remove_file(kept).unwrap();
    let (code, told, _) = shadow("same.wasm", &variant(&guest, "candidate"), &[]);
    assert_eq!((code, &told["different"]), (0, &json!(0)), "{told:#}");
    assert_eq!(told["deliveries"][0]["rerun"], false);

    let ledger = site.ledger();
    assert_eq!(
        ledger.state("guest", "n").as_deref(),
        Some("3"),
        "nothing was written"
    );
    assert_eq!((receiver.requests().len(), ledger.events()), (3, 7));
    let (code, _, stderr) = shadow("none.wasm", b"no component", &[]);
    assert_eq!(code, 2, "{stderr}");
}
