//! The same, while an operator has dead and done deliveries handled again: of events as they
//! came, of answers to requests, and of scheduled events.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::*;
use crate::harness::{get, post};

/// Keys that events are ordered by.
const KEYS: u64 = 7;

/// An event of which all can be counted: its handling is, what it emits and what it sends.
/// Each fifth is dead at first, until it is replayed.
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

/// An event whose request is answered, upon which an event is scheduled.
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

/// Somebody who has deliveries run again, over and over, until told to stop. A call without
/// an answer is made again, under the same name.
struct Operator {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Asked>,
}

/// What the operator knows to be done.
#[derive(Debug, Default)]
struct Asked {
    replayed: u64,
    /// Calls that ended without an answer.
    broken: u64,
}

impl Operator {
    fn start(admin: &Target) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (admin, until) = (admin.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut asked = Asked::default();
            let mut number = 0;
            while !until.load(Ordering::SeqCst) {
                number += 1;
                let newest = "/api/deliveries?state=done&limit=40";
                let answer = get(admin.get(), newest);
                if let Ok(answer) = answer
                    && answer.status == 200
                {
                    asked.replay_some(&admin, number, &answer.body);
                }
                asked.replay_dead(&admin, number);
                std::thread::sleep(Duration::from_millis(20));
            }
            asked
        });
        Self { stop, thread }
    }

    fn finish(self) -> Asked {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

impl Asked {
    /// Some of the deliveries that were done last.
    fn replay_some(&mut self, admin: &Target, number: u64, listed: &[u8]) {
        let listed: serde_json::Value = serde_json::from_slice(listed).unwrap();
        let mut by_keys: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for delivery in listed["items"].as_array().unwrap() {
            // What schedules under one key does so once for each run with keys of its own.
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
        // For the audit.
        meant["why"] = keys.into();
        let json = [("content-type", "application/json")];
        let answered = (0..1000).find_map(|_| {
            let body = meant.to_string();
            let answer = post(admin.get(), "/api/replay", &json, body.as_bytes());
            if answer.is_err() {
                self.broken += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            // 503: it was ending.
            answer.ok().filter(|answer| answer.status != 503)
        });
        let answer = answered.expect("a gateway starts again in time");
        let told = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{told}");
        let report: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        self.replayed += report["done"].as_u64().unwrap();
    }
}

/// What the ledger has of a delivery, and of its replays.
#[derive(Debug)]
struct Ran {
    provider_id: String,
    kind: String,
    /// Runs that an operator asked for.
    replays: u64,
    /// Those of the runs that were done that had idempotency keys of their own.
    keys: u64,
    /// Runs that were done.
    done: u64,
}

fn ran(ledger: &Ledger) -> Vec<Ran> {
    let deliveries = ledger.rows(
        "SELECT d.seq, ifnull(e.provider_id, ''), e.kind FROM deliveries d
         JOIN events e ON e.seq = d.event ORDER BY d.seq",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)),
    );
    let mut replays: HashMap<i64, Vec<bool>> = HashMap::new();
    let asked = ledger.rows(
        "SELECT delivery, why = 'same' FROM interventions WHERE action = 'replay'
         ORDER BY delivery, number",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    );
    for (delivery, same) in asked {
        replays.entry(delivery).or_default().push(same);
    }
    let mut done: HashMap<i64, HashSet<u32>> = HashMap::new();
    let runs = ledger.rows(
        "SELECT delivery, run FROM attempts WHERE outcome = 'done'",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    );
    for (delivery, run) in runs {
        let new = done.entry(delivery).or_default().insert(run);
        assert!(new, "run {run} of {delivery} was done twice");
    }
    let of = |(seq, provider_id, kind)| {
        let mut keys = vec![0];
        for (run, same) in replays.remove(&seq).unwrap_or_default().iter().enumerate() {
            keys.push(if *same { keys[run] } else { run + 1 });
        }
        let done = done.remove(&seq).unwrap_or_default();
        let own: HashSet<_> = done.iter().map(|run| keys[*run as usize]).collect();
        Ran {
            provider_id,
            kind,
            replays: keys.len() as u64 - 1,
            keys: own.len() as u64,
            done: done.len() as u64,
        }
    };
    deliveries.into_iter().map(of).collect()
}

/// How often something was done out of the order of its key, at first.
fn out_of_order(ledger: &Ledger) -> i64 {
    ledger.count(
        "SELECT count(*) FROM (
             SELECT d.seq, lag(d.seq) OVER (PARTITION BY d.order_key ORDER BY a.first_request) AS before
             FROM attempts a JOIN deliveries d ON d.seq = a.delivery
             WHERE a.run = 0 AND a.outcome = 'done' AND d.order_key IS NOT NULL
                 AND a.first_request IS NOT NULL)
         WHERE before > seq",
        [],
    )
}

#[track_caller]
fn audit(ledger: &Ledger, receiver: &Receiver, report: &Report, asked: &Asked) {
    let ran = ran(ledger);
    let of = |kind: &'static str| ran.iter().filter(move |ran| ran.kind == kind);
    let sum = |kind, what: fn(&Ran) -> u64| of(kind).map(what).sum::<u64>();
    let replays: u64 = ran.iter().map(|ran| ran.replays).sum();
    let states: HashMap<String, String> = ledger.states("guest").into_iter().collect();
    let counter = |key: &str| {
        states
            .get(key)
            .map_or(0, |value| value.parse::<u64>().unwrap())
    };
    println!(
        "acknowledged {}, recorded {} + {}; {replays} replays, {} of them known to be done, \
         calls without an answer {}; runs done {}, with keys of their own {}; emitted {}, \
         answers {}, scheduled {}; requests that came {}, effects by idempotency key {}",
        report.acknowledged.len(),
        of("test.again").count(),
        of("test.late").count(),
        asked.replayed,
        asked.broken,
        ran.iter().map(|ran| ran.done).sum::<u64>(),
        sum("test.again", |ran| ran.keys),
        of("test.emitted").count(),
        of("outbox.response").count(),
        of("test.due").count(),
        receiver.requests().len(),
        receiver.effects(),
    );
    let recorded: HashSet<_> = ran.iter().map(|ran| ran.provider_id.as_str()).collect();
    let acknowledged = report.acknowledged.iter();
    let lost: Vec<_> = acknowledged
        .filter(|(event, _)| !recorded.contains(event.as_str()))
        .collect();
    assert!(lost.is_empty(), "acknowledged, but not recorded: {lost:?}");
    assert!(
        asked.replayed <= replays && asked.replayed > 100,
        "{asked:?}"
    );
    let twice = ledger.count(
        "SELECT count(*) FROM (SELECT 1 FROM interventions GROUP BY delivery, batch
             HAVING count(*) > 1)",
        [],
    );
    assert_eq!(twice, 0, "a call that is made again does nothing again");

    // Every run that began was done, but for the first one of those that died of it.
    let died = of("test.again")
        .filter(|ran| ran.done == ran.replays)
        .count();
    let runs: u64 = ran.iter().map(|ran| ran.done).sum();
    assert_eq!(runs + died as u64, ran.len() as u64 + replays);
    let dead = |ran: &&Ran| number_of(&ran.provider_id).is_multiple_of(5);
    assert_eq!(died, of("test.again").filter(dead).count());
    for ran in of("test.again") {
        assert_eq!(
            counter(&format!("seen/{}", ran.provider_id)),
            ran.done,
            "{ran:?}"
        );
    }
    // What goes out goes out once for each key, and what is emitted is emitted so.
    let keys = sum("test.again", |ran| ran.keys);
    let by_body = receiver.keys_by_body();
    for ran in of("test.again").chain(of("test.late")) {
        let came = by_body.get(&ran.provider_id).map_or(0, HashSet::len);
        assert_eq!(came as u64, ran.keys, "{ran:?}");
    }
    assert_eq!(of("test.emitted").count() as u64, keys);
    assert_eq!(counter("emitted"), sum("test.emitted", |ran| ran.done));
    // An answer and a scheduled event for each, however often they were replayed since.
    let late = of("test.late").count();
    assert_eq!(of("outbox.response").count(), late);
    assert_eq!(of("test.due").count(), late);
    for (prefix, kind) in [("answered/", "outbox.response"), ("due/", "test.due")] {
        let counters = states.keys().filter(|key| key.starts_with(prefix));
        let counted: u64 = counters.clone().map(|key| counter(key)).sum();
        assert_eq!(
            (counters.count(), counted),
            (late, sum(kind, |ran| ran.done))
        );
    }
    assert_eq!(out_of_order(ledger), 0);
    assert_eq!(ledger.texts("PRAGMA integrity_check", []), ["ok"]);
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
    let mut asked = operator.finish();
    let ledger = site.ledger();
    eventually("every delivery ends", || open(&ledger) == 0);
    // Those that died since the operator left.
    asked.replay_dead(&admin, 0);
    eventually("every delivery ends", || open(&ledger) == 0);
    println!("{ends:?}");
    assert!(report.acknowledged.len() > 100, "{report:?} is no load");
    assert_eq!(ledger.deliveries_in("guest", "dead"), 0);
    audit(&ledger, &receiver, &report, &asked);
    audit_order(&ledger, &receiver);
    gateway.stop();
}
