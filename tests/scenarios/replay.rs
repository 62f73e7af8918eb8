//! Replays: dead letters, effects with new and old keys, changed routes, recorded components.

use std::collections::HashSet;

use serde_json::json;

use crate::harness::{
    Event, Handler, Manifest, Receiver, Site, component, digest, eventually, run, try_run, variant,
};

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

    let replay = |arguments: &[&str]| run(&site, &gateway, "replay", arguments);
    let counted = replay(&["--kind", "test.*", "--dry-run"]);
    assert_eq!(
        (&counted["replayed"], &counted["keys"]),
        (&json!(1), &json!("new"))
    );
    assert_eq!(counted["by"], json!({ "guest dead": 1 }));
    assert_eq!(ledger.delivery(&event.id, "guest"), "dead", "only counted");
    // A filter may match very many deliveries, so the command refuses it if nobody can
    // confirm.
    let (code, _, stderr) = try_run(&site, &gateway, "replay", &["--state", "dead"]);
    assert_eq!(code, 2, "{stderr}");
    assert_eq!(ledger.delivery(&event.id, "guest"), "dead");

    let mended = Manifest::with_one(broken.allow(receiver.address));
    site.write_manifest(&mended.text());
    eventually("the new manifest serves", || gateway.generation() == 2);
    let why = "the crm may be reached now";
    let arguments = ["--state", "dead", "--yes", "--why", why];
    let told = run(&site, &gateway, "events replay", &arguments);
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

    let place = &ledger.delivery_rows(&event.id)[0];
    let shown = run(&site, &gateway, "deliveries show", &[place]);
    assert_eq!(shown["interventions"][0]["action"], "replay");
    assert_eq!(shown["interventions"][0]["why"], why);
    assert_eq!(shown["tried"][1]["run"], 1);
    let none = replay(&["--state", "dead", "--dry-run"]);
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

    // No replay runs a held delivery, or the work of a removed handler.
    let old = ["--handler", "old", "--state", "done", "--dry-run"];
    let (_, told, _) = try_run(&site, &gateway, "replay", &old);
    assert_eq!(
        (&told["matched"], &told["replayed"]),
        (&json!(1), &json!(0)),
        "{told}"
    );
    let by_routes = |arguments: [&str; 3]| {
        let arguments = [&["--routes"], &arguments[..]].concat();
        run(&site, &gateway, "replay", &arguments)
    };
    let counted = by_routes(["--kind", "unknown.*", "--dry-run"]);
    assert_eq!(counted["by"], json!({ "to new": 1 }));
    let told = by_routes(["--kind", "unknown.*", "--yes"]);
    assert_eq!(told["replayed"], 1);
    gateway.settles();
    assert_eq!(ledger.delivery(&unrouted.id, "new"), "done");
    let attempts = ledger.attempts(&unrouted.id, "new");
    assert!(
        attempts[0].logs.contains("\\\"replay\\\":true"),
        "{attempts:?}"
    );
    assert_eq!(gateway.status_at("/ledger/unrouted"), 0);
    let again = by_routes(["--kind", "unknown.*", "--yes"]);
    assert_eq!(again["matched"], 0);

    let told = by_routes(["--state", "held", "--yes"]);
    assert_eq!(told["replayed"], 1, "{told}");
    assert_eq!(
        ledger.delivery(&done.id, "new"),
        "",
        "that one was not meant"
    );
    assert_eq!(ledger.delivery(&held.id, "old"), "dead", "its work went on");
    assert_ne!(ledger.delivery(&held.id, "new"), "");
    let place = &ledger.delivery_rows(&held.id)[0];
    let shown = run(&site, &gateway, "deliveries show", &[place]);
    assert_eq!(shown["interventions"][0]["action"], "replaced");
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
