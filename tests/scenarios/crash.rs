//! The gateway is killed again and again under load, at random moments and at the worst
//! ones, and in the end everything is accounted for.
//!
//! `make crash ROUNDS=500` plays more rounds than the tests do. The worst moments are the
//! failpoints of a build with debug assertions (see `host/src/failpoint.rs`); another build
//! is killed at random moments alone.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::json;

use super::durability::{audit, counted, counting_site};
use crate::harness::{
    Event, Gateway, Handler, Launch, Ledger, Load, Manifest, Receiver, Report, Site, Target,
    eventually,
};

mod replays;

/// Rounds where the environment says nothing: about a minute.
const ROUNDS: u32 = 63;

/// The moments, with the chance that each ends the process whenever it is reached. Those
/// that come often have a small one, so that a round lasts some tenths of a second.
const MOMENTS: &[&str] = &[
    "before-commit=0.01",
    "during-commit=0.01",
    "after-commit=0.01",
    "answering=0.005",
    "checkpoint=0.01",
    "ran=0.005",
    "sent=0.005",
];

fn rounds() -> u32 {
    std::env::var("TOLLGATE_CRASH_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap())
}

/// How the rounds ended.
#[derive(Debug, Default)]
struct Ends {
    /// At a moment, by its name.
    at: HashMap<&'static str, u32>,
    /// Killed from outside, since the moment did not come.
    killed: u32,
    /// While it was still starting.
    starting: u32,
}

/// Starts and loses gateways on the site, each of which is shown to `started`; the last one
/// stays.
fn crash(site: &Site, rounds: u32, started: impl Fn(&Gateway)) -> (Gateway, Ends) {
    let seed = fastrand::u64(..);
    println!("{rounds} rounds, seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut ends = Ends::default();
    for round in 0..rounds {
        let moment = MOMENTS[round as usize % MOMENTS.len()];
        let launch = Launch::new(site).env("TOLLGATE_FAILPOINTS", moment);
        let mut gateway = match launch.try_start() {
            Ok(gateway) => gateway,
            Err((status, stderr)) => {
                assert!(status.code().is_none(), "it ended by itself: {stderr}");
                ends.starting += 1;
                continue;
            }
        };
        started(&gateway);
        let patience = Duration::from_millis(random.u64(100..1500));
        if gateway.ends_within(patience) {
            *ends.at.entry(moment).or_default() += 1;
        } else {
            gateway.kill();
            ends.killed += 1;
        }
    }
    let gateway = site.start();
    started(&gateway);
    (gateway, ends)
}

/// Whatever is still to be done. In one look, since what leaves one table appears in the next.
fn open(ledger: &Ledger) -> i64 {
    let open = "SELECT (SELECT count(*) FROM schedule)
        + (SELECT count(*) FROM outbox WHERE state = 'waiting')
        + (SELECT count(*) FROM deliveries WHERE state IN ('pending', 'running', 'retrying'))";
    ledger.count(open, [])
}

/// Requests with one ordering key came for the first time in the order of their commits.
#[track_caller]
fn audit_order(ledger: &Ledger, receiver: &Receiver) {
    let mut came: HashMap<String, Vec<String>> = HashMap::new();
    let keys: HashMap<String, String> = ledger
        .rows("SELECT key, order_key FROM outbox", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .into_iter()
        .collect();
    let mut seen = HashSet::new();
    for request in receiver.requests() {
        if seen.insert(request.key.clone()) {
            came.entry(keys[&request.key].clone())
                .or_default()
                .push(request.key);
        }
    }
    assert!(came.len() > 1, "one key alone shows nothing");
    for (order_key, came) in came {
        // A replay with the same keys has queued the same request once more.
        let queued = ledger.texts(
            "SELECT key FROM outbox WHERE order_key = ?1 GROUP BY key ORDER BY min(seq)",
            [&order_key],
        );
        assert_eq!(came, queued, "requests of {order_key}");
    }
}

#[test]
fn whatever_ends_it_nothing_is_lost_repeated_or_out_of_order() {
    let rounds = rounds();
    let receiver = Receiver::start();
    let site = counting_site(&receiver);
    let target = Target::new("127.0.0.1:1".parse().unwrap());
    let url = receiver.url("/");
    let load = Load::start(&target, 8, Duration::from_millis(3), move |number| {
        counted(number, &url)
    });
    let (gateway, ends) = crash(&site, rounds, |gateway| target.set(gateway.ingress));
    eventually("it takes events", || {
        gateway.status_at("/ledger/events") != 0
    });
    let report = load.finish();
    gateway.drains();
    println!("{ends:?}");
    assert!(
        report.acknowledged.len() > rounds as usize,
        "{report:?} is no load"
    );
    if cfg!(debug_assertions) && std::env::var_os("TOLLGATE_BINARY").is_none() {
        assert!(!ends.at.is_empty(), "no failpoint did anything");
    }
    audit(&site.ledger(), &receiver, &report);
    audit_order(&site.ledger(), &receiver);
    gateway.stop();
}

/// Events that are counted, and pruned a second later.
fn short_lived(receiver: &Receiver) -> Site {
    let handler = Handler::new("guest")
        .retry(1000, "10ms")
        .allow(receiver.address);
    let text = Manifest::with_one(handler).text();
    let site = Site::new(&Manifest::new());
    site.write_manifest(
        &text
            .replace("attempts = 6", "attempts = 1000")
            .replace("[ledger]\n", "[ledger]\nretention = \"1s\"\n"),
    );
    site
}

#[test]
fn what_is_pruned_between_crashes_is_known_and_counted_once() {
    let receiver = Receiver::start();
    let site = short_lived(&receiver);
    let target = Target::new("127.0.0.1:1".parse().unwrap());
    let url = receiver.url("/");
    let make = move |number: u64| {
        let id = format!("evt_short_{number}");
        let steps = json!([
            { "do": "add", "key": "handled" },
            { "do": "send", "url": url, "body": id },
        ]);
        Event::with_id(&id, "test.short", steps)
    };
    let load = Load::start(&target, 4, Duration::from_millis(5), make.clone());
    let (gateway, ends) = crash(&site, rounds() / 3, |gateway| target.set(gateway.ingress));
    let report = load.finish();
    gateway.drains();
    let recorded = || {
        let counts = gateway.status();
        let of = |pointer: &str| counts.pointer(pointer).unwrap().as_u64().unwrap();
        (
            of("/ledger/events"),
            of("/ledger/pruned"),
            of("/ledger/duplicates"),
        )
    };
    eventually("all are pruned", || recorded().0 == 0);
    let (_, pruned, duplicates) = recorded();
    println!("{ends:?}; pruned {pruned}, duplicates {duplicates}");
    audit_pruned(&site.ledger(), &receiver, &report, pruned);

    // Each of them is known when it comes again.
    for number in 0..pruned {
        gateway.accepts_again(&make(number));
    }
    assert_eq!(recorded(), (0, pruned, duplicates + pruned));
    gateway.stop();
}

#[track_caller]
fn audit_pruned(ledger: &Ledger, receiver: &Receiver, report: &Report, pruned: u64) {
    let acknowledged: HashSet<_> = report.acknowledged.iter().map(|(id, _)| id).collect();
    assert!(acknowledged.len() as u64 <= pruned);
    assert!(acknowledged.len() > 100, "{report:?} is no load");
    let open: HashSet<_> = report.open.iter().collect();
    assert!(pruned <= (acknowledged.len() + open.len()) as u64);
    assert_eq!(ledger.state("guest", "handled"), Some(pruned.to_string()));
    assert_eq!(receiver.effects() as u64, pruned);
    for table in [
        "bodies",
        "deliveries",
        "attempts",
        "outbox",
        "outbox_bodies",
    ] {
        let rows = ledger.count(&format!("SELECT count(*) FROM {table}"), []);
        assert_eq!(rows, 0, "{table}");
    }
    assert_eq!(
        ledger.count(
            // The newest are in their events' rows alone.
            "SELECT count(*) FROM (SELECT key FROM dedup UNION SELECT dedup FROM events)",
            [],
        ),
        pruned as i64
    );
    assert_eq!(ledger.texts("PRAGMA integrity_check", []), ["ok"]);
}

/// Each event has a request sent, whose answer has an event scheduled, which counts it.
#[test]
fn every_answer_and_every_scheduled_event_comes_once() {
    let receiver = Receiver::start();
    let handler = Handler::new("guest")
        .retry(1000, "10ms")
        .allow(receiver.address);
    let text = Manifest::with_one(handler).text();
    let site = Site::new(&Manifest::new());
    site.write_manifest(&text.replace("attempts = 6", "attempts = 1000"));
    let target = Target::new("127.0.0.1:1".parse().unwrap());
    let url = receiver.url("/");
    let load = Load::start(&target, 4, Duration::from_millis(10), move |number| {
        let id = format!("evt_late_{number}");
        let due = json!({ "do": "increment", "key": format!("due/{id}") });
        let answered = json!({ "steps": [
            { "do": "increment", "key": format!("answered/{id}") },
            { "do": "schedule", "key": id, "kind": "test.due", "after_ms": number % 500,
              "payload": due },
        ] });
        let send = json!({ "do": "send", "url": url, "body": id, "respond": answered });
        Event::with_id(&id, "test.late", send)
    });
    let (gateway, ends) = crash(&site, rounds() / 3, |gateway| target.set(gateway.ingress));
    let report = load.finish();
    let ledger = site.ledger();
    let count = |kind: &str| ledger.count("SELECT count(*) FROM events WHERE kind = ?1", [kind]);
    eventually("everything has come", || open(&ledger) == 0);
    let recorded = count("test.late");
    println!("{ends:?}; {recorded} events");
    assert!(report.acknowledged.len() > 100, "{report:?} is no load");
    assert!(report.acknowledged.len() as i64 <= recorded);
    assert_eq!(count("outbox.response"), recorded);
    assert_eq!(count("test.due"), recorded);
    assert_eq!(receiver.effects() as i64, recorded);
    let states = ledger.states("guest");
    assert_eq!(states.len() as i64, 2 * recorded);
    assert!(states.iter().all(|(_, value)| value == "1"), "{states:?}");
    gateway.stop();
}
