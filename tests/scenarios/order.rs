//! Deliveries of one key run one after another, whatever happens in between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Event, Handler, Ledger, Load, Manifest, Receiver, Site, Target, eventually};

/// The number of kills under load.
const ROUNDS: u32 = 8;
/// The number of order keys of the events.
const KEYS: u64 = 20;

/// Makes an event of one of the keys. Every seventh event fails at first.
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

/// Counts the deliveries of a key that finished before an earlier one. The outbox has the
/// requests in the order in which their deliveries finished.
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
        // The moment matters here, so the test waits for time to pass.
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
    // The same deliveries, as if all had the same key.
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
    // The list shows an operator why the delivery waits, with and without a running gateway.
    let list = |more: &[&str]| {
        let arguments: Vec<_> = ["--state", "blocked"].iter().chain(more).copied().collect();
        let output = site.run("deliveries list", &arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let check = || {
        let json: Value = serde_json::from_str(&list(&["--json"])).unwrap();
        assert_eq!(json.as_array().unwrap().len(), 1, "{json}");
        assert_eq!(json[0]["blocked_by"]["state"], "dead");
        let says = format!("blocked by {}, which is dead", json[0]["blocked_by"]["seq"]);
        assert!(list(&[]).contains(&says), "{}", list(&[]));
    };
    check();
    assert_eq!(gateway.status_at("/ledger/deliveries_blocked"), 1);
    gateway.stop();
    check();
    let gateway = site.start();
    // The settings change while the gateway runs.
    let text = manifest.text().replace("\"wait\"", "\"skip-after-dead\"");
    site.write_manifest(&text);
    eventually("the manifest lets it pass", || {
        ledger.delivery("evt_behind", "guest") == "done"
    });
    gateway.stop();
}

/// Makes an event of a customer with this creation time.
fn created(id: &str, customer: u64, created: u64) -> Event {
    let step = json!({ "do": "set", "key": format!("last/{customer}"), "value": id });
    let object = json!({ "customer": customer, "steps": [step] });
    let mut event = Event::about(id, "test.keyed", object);
    let mut body: Value = serde_json::from_slice(&event.body).unwrap();
    body["created"] = created.into();
    event.body = serde_json::to_vec(&body).unwrap();
    event
}

#[test]
fn what_is_older_than_the_last_one_done_is_ignored_and_shown_so() {
    let receiver = Receiver::start();
    let handler = ordered(&receiver).set("supersede_by = \"/created\"");
    let site = Site::new(&Manifest::with_one(handler));
    let gateway = site.start();
    for (id, customer, time) in [
        ("evt_first", 1, 2000),
        ("evt_older", 1, 1999),
        ("evt_as_new", 1, 2000),
        ("evt_newer", 1, 3000),
        ("evt_of_another", 2, 1000),
    ] {
        gateway.accepts(&created(id, customer, time));
    }
    gateway.settles();
    // The rule also holds after a restart.
    gateway.stop();
    let gateway = site.start();
    let older = gateway.accepts(&created("evt_between", 1, 2500));
    gateway.settles();
    let ledger = site.ledger();
    let state = |id: &str| ledger.delivery(id, "guest");
    for id in ["evt_first", "evt_as_new", "evt_newer", "evt_of_another"] {
        assert_eq!(state(id), "done", "{id}");
    }
    for id in ["evt_older", "evt_between"] {
        assert_eq!(state(id), "ignored", "{id}");
        let attempts = ledger.attempts(id, "guest");
        assert_eq!(
            (attempts.len(), attempts[0].outcome.as_str()),
            (1, "ignored")
        );
    }
    assert_eq!(
        ledger.state("guest", "last/1").as_deref(),
        Some("evt_newer")
    );
    let states = ledger.states("guest").len();
    assert_eq!(states, 2, "{states}");

    // The commands show the reason.
    let url = format!("http://{}", gateway.admin);
    let run = |command: &str, arguments: &[&str]| {
        let output = site.run(command, &[arguments, &["--url", &url]].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = run("deliveries list", &["--state", "ignored", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed[0]["event"], older);
    let why = listed[0]["last_detail"].as_str().unwrap();
    assert!(why.starts_with("superseded"), "{why}");
    let shown = run("deliveries show", &[&listed[0]["seq"].to_string()]);
    assert!(
        shown.contains("ignored") && shown.contains("superseded"),
        "{shown}"
    );
    let shown = run("events show", &[&older]);
    assert!(shown.contains("ignored"), "{shown}");
    gateway.stop();
}
