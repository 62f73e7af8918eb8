//! Crashes while an operator replays dead and finished deliveries: of received events, of
//! responses, and of scheduled events.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use super::rounds::{audit_order, crash, open, rounds};
use super::runs::{DeliveryRuns, Runs};
use crate::harness::{
    Event, Handler, Ledger, Load, LoadReport, Manifest, Receiver, Site, Target, eventually, get,
    post, until,
};

/// The number of order keys of the events.
const KEYS: u64 = 7;

/// Makes an event with countable effects: its handling, its emitted event and its request.
/// Every fifth event is dead until a replay.
fn counted_again(number: u64, url: &str) -> Event {
    let id = format!("evt_again_{number}");
    let mut steps = vec![
        json!({ "do": "increment", "key": format!("seen/{id}") }),
        json!({ "do": "send", "url": url, "body": id, "order_key": format!("key {}", number % 5) }),
        json!({ "do": "emit", "kind": "test.emitted", "payload": { "do": "add", "key": "emitted" } }),
    ];
    if number.is_multiple_of(5) {
        steps.insert(0, json!({ "do": "reject", "unless_replay": true }));
    }
    if number.is_multiple_of(7) {
        steps.insert(0, json!({ "do": "flaky", "succeed_at": 2 }));
    }
    about(&id, "test.again", number, json!(steps))
}

/// Makes an event whose request has a response, which schedules an event.
fn answered(number: u64, url: &str) -> Event {
    let id = format!("evt_late_{number}");
    let due = json!({ "do": "increment", "key": format!("due/{id}") });
    let answered = json!({ "steps": [
        { "do": "increment", "key": format!("answered/{id}") },
        { "do": "schedule", "key": id, "kind": "test.due", "after_ms": number % 500, "payload": due },
    ] });
    let order = format!("late {}", number % 5);
    let send =
        json!([{ "do": "send", "url": url, "body": id, "order_key": order, "respond": answered }]);
    about(&id, "test.late", number, send)
}

fn about(id: &str, kind: &str, number: u64, steps: serde_json::Value) -> Event {
    Event::about(
        id,
        kind,
        json!({ "customer": number % KEYS, "steps": steps }),
    )
}

/// An operator who replays deliveries in a loop until told to stop. The operator repeats a
/// call without a response under the same batch name.
struct Operator {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<OperatorReport>,
}

/// The results of the operator's calls.
#[derive(Debug, Default)]
struct OperatorReport {
    replayed: u64,
    /// Calls that ended without a response.
    broken: u64,
}

impl Operator {
    fn start(admin: &Target) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (admin, until) = (admin.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut report = OperatorReport::default();
            let mut number = 0;
            while !until.load(Ordering::SeqCst) {
                number += 1;
                let newest = "/api/deliveries?state=done&limit=40";
                let answer = get(admin.get(), newest);
                if let Ok(answer) = answer
                    && answer.status == 200
                {
                    report.replay_some(&admin, number, &answer.body);
                }
                report.replay_dead(&admin, number);
                std::thread::sleep(Duration::from_millis(20));
            }
            report
        });
        Self { stop, thread }
    }

    fn finish(self) -> OperatorReport {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

impl OperatorReport {
    /// Replays some of the latest finished deliveries.
    fn replay_some(&mut self, admin: &Target, number: u64, listed: &[u8]) {
        let listed: serde_json::Value = serde_json::from_slice(listed).unwrap();
        let mut by_keys: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for delivery in listed["items"].as_array().unwrap() {
            // A delivery that schedules under a key does so once for each run with new keys.
            let keys = match delivery["kind"].as_str().unwrap() {
                "test.again" | "test.due" if fastrand::bool() => "new",
                _ => "same",
            };
            if fastrand::u8(..) < 40 {
                let seq = delivery["seq"].as_u64().unwrap();
                by_keys.entry(keys).or_default().push(seq);
            }
        }
        for (keys, deliveries) in by_keys {
            let meant = json!({ "deliveries": deliveries });
            self.ask(admin, &format!("some {keys} {number}"), keys, meant);
        }
    }

    fn replay_dead(&mut self, admin: &Target, number: u64) {
        let keys = if number.is_multiple_of(2) {
            "new"
        } else {
            "same"
        };
        let meant = json!({ "filter": { "state": "dead", "kind": "test.again" } });
        self.ask(admin, &format!("dead {number}"), keys, meant);
    }

    fn ask(&mut self, admin: &Target, batch: &str, keys: &str, mut meant: serde_json::Value) {
        meant["batch"] = batch.into();
        meant["keys"] = keys.into();
        // The audit reads the kind of keys from the reason.
        meant["why"] = keys.into();
        let json = [("content-type", "application/json")];
        let answer = until("a gateway answers the call", || {
            let body = meant.to_string();
            let answer = post(admin.get(), "/api/replay", &json, body.as_bytes());
            self.broken += u64::from(answer.is_err());
            // Status 503: the gateway was shutting down.
            answer.ok().filter(|answer| answer.status != 503)
        });
        let told = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{told}");
        let report: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        self.replayed += report["done"].as_u64().unwrap();
    }
}

/// Counts the first runs that finished out of the order of their key.
fn out_of_order(ledger: &Ledger) -> i64 {
    ledger.count(
        "SELECT count(*) FROM (
             SELECT d.seq,
                 lag(d.seq) OVER (PARTITION BY d.order_key ORDER BY a.first_request) AS before
             FROM attempts a JOIN deliveries d ON d.seq = a.delivery
             WHERE a.run = 0 AND a.outcome = 'done' AND d.order_key IS NOT NULL
                 AND a.first_request IS NOT NULL)
         WHERE before > seq",
        [],
    )
}

/// Checks the ledger, the handler's counters and the receiver after the crashes.
#[track_caller]
fn audit(ledger: &Ledger, receiver: &Receiver, report: &LoadReport, operator: &OperatorReport) {
    let runs = Runs::of(ledger, "guest");
    print_figures(&runs, receiver, report, operator);
    audit_records(&runs, ledger, report, operator);
    audit_runs(&runs);
    audit_effects(&runs, receiver);
    assert_eq!(out_of_order(ledger), 0);
    assert_eq!(ledger.texts("PRAGMA integrity_check", []), ["ok"]);
}

fn print_figures(runs: &Runs, receiver: &Receiver, report: &LoadReport, operator: &OperatorReport) {
    println!(
        "acknowledged {}, recorded {} + {}; {} replays, {} of them confirmed, \
         calls without a response {}; finished runs {}, with keys of their own {}; emitted {}, \
         responses {}, scheduled {}; received requests {}, effects by idempotency key {}",
        report.acknowledged.len(),
        runs.count("test.again"),
        runs.count("test.late"),
        runs.all_replays(),
        operator.replayed,
        operator.broken,
        runs.all_done(),
        runs.keys("test.again"),
        runs.count("test.emitted"),
        runs.count("outbox.response"),
        runs.count("test.due"),
        receiver.requests().len(),
        receiver.effects(),
    );
}

/// Checks that every acknowledged event and every confirmed replay is on record.
#[track_caller]
fn audit_records(runs: &Runs, ledger: &Ledger, report: &LoadReport, operator: &OperatorReport) {
    let deliveries = runs.deliveries.iter();
    let recorded: HashSet<_> = deliveries.map(|runs| runs.provider_id.as_str()).collect();
    let acknowledged = report.acknowledged.iter();
    let lost: Vec<_> = acknowledged
        .filter(|(event, _)| !recorded.contains(event.as_str()))
        .collect();
    assert!(lost.is_empty(), "acknowledged, but not recorded: {lost:?}");
    assert!(
        operator.replayed <= runs.all_replays() && operator.replayed > 100,
        "{operator:?}"
    );
    let twice = ledger.count(
        "SELECT count(*) FROM (SELECT 1 FROM interventions GROUP BY delivery, batch
             HAVING count(*) > 1)",
        [],
    );
    assert_eq!(twice, 0, "a repeated call replays nothing again");
}

/// Checks that every run finished, except the first runs that ended dead.
#[track_caller]
fn audit_runs(runs: &Runs) {
    let died = runs
        .of_kind("test.again")
        .filter(|runs| runs.done == runs.replays)
        .count();
    let began = runs.deliveries.len() as u64 + runs.all_replays();
    assert_eq!(runs.all_done() + died as u64, began);
    let dead = |runs: &&DeliveryRuns| number_of(&runs.provider_id).is_multiple_of(5);
    assert_eq!(died, runs.of_kind("test.again").filter(dead).count());
    for delivery in runs.of_kind("test.again") {
        let seen = runs.counter(&format!("seen/{}", delivery.provider_id));
        assert_eq!(seen, delivery.done, "{delivery:?}");
    }
}

/// Checks that each idempotency key means one request and one emitted event, and that each late
/// event has one response and one scheduled event, however often they were replayed.
#[track_caller]
fn audit_effects(runs: &Runs, receiver: &Receiver) {
    let by_body = receiver.keys_by_body();
    for delivery in runs.of_kind("test.again").chain(runs.of_kind("test.late")) {
        let received = by_body.get(&delivery.provider_id).map_or(0, HashSet::len);
        assert_eq!(received as u64, delivery.keys, "{delivery:?}");
    }
    assert_eq!(runs.count("test.emitted"), runs.keys("test.again"));
    assert_eq!(runs.counter("emitted"), runs.done("test.emitted"));
    let late = runs.count("test.late");
    assert_eq!(runs.count("outbox.response"), late);
    assert_eq!(runs.count("test.due"), late);
    for (prefix, kind) in [("answered/", "outbox.response"), ("due/", "test.due")] {
        let counters = runs.counters.iter();
        let counters = counters.filter(|(key, _)| key.starts_with(prefix));
        let values: Vec<u64> = counters.map(|(_, value)| *value).collect();
        assert_eq!(
            (values.len() as u64, values.iter().sum()),
            (late, runs.done(kind))
        );
    }
}

fn number_of(id: &str) -> u64 {
    id.rsplit('_').next().unwrap().parse().unwrap()
}

#[test]
fn what_is_replayed_between_crashes_happens_as_often_as_was_asked_for() {
    let receiver = Receiver::start();
    let handler = Handler::new("guest")
        .retry(1000, "10ms")
        .set("order_by = \"/data/object/customer\"")
        .allow(receiver.address);
    let manifest = Manifest::with_one(handler).route_of("handler:guest", "test.*", &["guest"], "");
    let site = Site::new(&manifest);
    site.write_manifest(&manifest.text().replace("attempts = 6", "attempts = 1000"));
    let nowhere = || Target::new("127.0.0.1:1".parse().unwrap());
    let (target, admin) = (nowhere(), nowhere());
    let url = receiver.url("/");
    let load = Load::start(
        &target,
        4,
        Duration::from_millis(10),
        move |number| match number.is_multiple_of(2) {
            true => counted_again(number / 2, &url),
            false => answered(number / 2, &url),
        },
    );
    let operator = Operator::start(&admin);
    let (gateway, ends) = crash(&site, rounds() / 3, |gateway| {
        target.set(gateway.ingress);
        admin.set(gateway.admin);
    });
    let report = load.finish();
    let mut operator_report = operator.finish();
    let ledger = site.ledger();
    eventually("every delivery ends", || open(&ledger) == 0);
    // These deliveries died after the operator's last call.
    operator_report.replay_dead(&admin, 0);
    eventually("every delivery ends", || open(&ledger) == 0);
    println!("{ends:?}");
    assert!(report.acknowledged.len() > 100, "{report:?} is no load");
    assert_eq!(ledger.deliveries_in("guest", "dead"), 0);
    audit(&ledger, &receiver, &report, &operator_report);
    audit_order(&ledger, &receiver);
    gateway.stop();
}
