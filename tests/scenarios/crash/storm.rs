//! Crashes, reloads and an operator all at once, over requests to several hosts with one order
//! key: each request has its effect once, in the order of its key, and none waits for ever.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::rounds::{crash, rounds};
use crate::harness::{
    Event, Handler, Ledger, Load, Manifest, Receiver, Reply, Site, Target, eventually, get, post,
};

/// The number of order keys of each handler.
const KEYS: u64 = 5;
const HANDLERS: [&str; 2] = ["guest", "other"];
/// By far shorter than the time after which the outbox looks for hosts that it has lost sight of.
const PROMPT: Duration = Duration::from_secs(25);

/// Refuses and fails at random, more often the first time.
fn moody(before: usize) -> Reply {
    match fastrand::u8(..100) {
        0..6 => Reply::Status(503),
        6..9 if before == 0 => Reply::Status(410),
        9 => Reply::RetryAfter(429, 0),
        10..12 => Reply::Reset,
        12..16 => Reply::Hang(Duration::from_millis(fastrand::u64(..120))),
        _ => Reply::Status(200),
    }
}

fn sends(number: u64, urls: &[String]) -> Event {
    let id = format!("evt_storm_{number}");
    let steps: Vec<_> = (0..3)
        .map(|part| {
            let url = &urls[(number + part) as usize % urls.len()];
            let key = (part < 2).then(|| format!("key {}", number % KEYS));
            json!({ "do": "send", "url": url, "body": format!("{id}-{part}"), "order_key": key })
        })
        .collect();
    Event::with_id(&id, "test.storm", json!(steps))
}

/// Changes everything that may be changed while requests wait.
struct Chaos {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Chaos {
    fn start(admin: &Target, write: impl Fn(&[&str]) + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (admin, until) = (admin.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut done = 0;
            while !until.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(fastrand::u64(..60)));
                done += u64::from(act(&admin, &write).is_some());
            }
            done
        });
        Self { stop, thread }
    }

    fn finish(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

fn ask(admin: &Target, path: &str, body: &Value) -> Option<Value> {
    let json = [("content-type", "application/json")];
    let answer = post(admin.get(), path, &json, body.to_string().as_bytes()).ok()?;
    (answer.status == 200).then(|| serde_json::from_slice(&answer.body).unwrap())
}

fn act(admin: &Target, write: &impl Fn(&[&str])) -> Option<Value> {
    let name = HANDLERS[fastrand::usize(..2)];
    match fastrand::u8(..12) {
        0 => {
            write(&[name]);
            Some(Value::Null)
        }
        1..3 => {
            write(&HANDLERS);
            Some(Value::Null)
        }
        3 => ask(
            admin,
            &format!("/api/handlers/{name}/pause"),
            &json!({ "outbox": true }),
        ),
        4..6 => ask(admin, &format!("/api/handlers/{name}/resume"), &json!({})),
        6..9 => ask(
            admin,
            "/api/outbox/retry",
            &json!({ "filter": { "state": "dead" } }),
        ),
        9 => ask(
            admin,
            "/api/outbox/retry",
            &json!({ "filter": { "state": "waiting" } }),
        ),
        _ => {
            let listed = get(admin.get(), "/api/outbox?state=waiting&limit=50").ok()?;
            let listed: Value = serde_json::from_slice(&listed.body).ok()?;
            let items = listed["items"].as_array()?;
            let item = items.get(fastrand::usize(..items.len().max(1)))?;
            ask(
                admin,
                "/api/outbox/cancel",
                &json!({ "numbers": [item["seq"]] }),
            )
        }
    }
}

/// The order in which the requests of one line came: no request twice in a row.
fn lines(ledger: &Ledger, receivers: &[&Receiver]) -> HashMap<(String, String), Vec<String>> {
    let line_of: HashMap<String, (String, String)> = ledger
        .rows(
            "SELECT key, name, order_key FROM outbox o JOIN handlers h ON h.id = o.handler
             WHERE order_key IS NOT NULL",
            [],
            |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))),
        )
        .into_iter()
        .collect();
    let mut all: Vec<_> = receivers.iter().flat_map(|one| one.requests()).collect();
    all.sort_by_key(|request| request.at);
    let mut came: HashMap<_, Vec<String>> = HashMap::new();
    for request in all {
        if let Some(line) = line_of.get(&request.key) {
            came.entry(line.clone()).or_default().push(request.key);
        }
    }
    came.values_mut().for_each(Vec::dedup);
    came
}

/// A function that writes the manifest with these handlers.
fn writer(site: &Site, allowed: [SocketAddr; 2]) -> impl Fn(&[&str]) + Clone + Send + 'static {
    let path = site.manifest_path();
    move |names| {
        let mut manifest = Manifest::new();
        for name in names {
            let handler = Handler::new(name).retry(1000, "10ms");
            let handler = handler.allow(allowed[0]).allow(allowed[1]);
            manifest = manifest.handler(handler).route("*", &[name]);
        }
        let text = manifest.text().replace("attempts = 6", "attempts = 1000");
        let beside = path.with_extension("new");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, &path).unwrap();
    }
}

/// Waits until nothing waits, and until nothing is dead: requests that were cancelled or refused
/// are sent again.
#[track_caller]
fn drain(ledger: &Ledger, admin: &Target) {
    eventually("every delivery ends", || {
        let held = "SELECT count(*) FROM deliveries WHERE state = 'held'";
        ledger.unfinished() + ledger.count(held, []) == 0
    });
    let (waiting, began) = (ledger.waiting(), Instant::now());
    eventually("the outbox empties", || ledger.waiting() == 0);
    let took = began.elapsed();
    println!("drained {waiting} in {took:?}");
    assert!(took < PROMPT, "{waiting} requests took {took:?}");
    eventually("all are sent", || {
        let dead = json!({ "filter": { "state": "dead" } });
        ask(admin, "/api/outbox/retry", &dead).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        let open = "SELECT count(*) FROM outbox WHERE state <> 'sent'";
        ledger.count(open, []) == 0
    });
}

/// The numbers of a request.
#[derive(Clone, Copy)]
struct Numbers {
    first: i64,
    last: i64,
    moved: bool,
}

fn numbers(ledger: &Ledger) -> HashMap<String, Numbers> {
    let sql = "SELECT key, coalesce(was, seq), seq, was IS NOT NULL FROM outbox";
    let rows = ledger.rows(sql, [], |row| {
        let numbers = Numbers {
            first: row.get(1)?,
            last: row.get(2)?,
            moved: row.get(3)?,
        };
        Ok((row.get(0)?, numbers))
    });
    rows.into_iter().collect()
}

/// Checks the order in which the requests of a line came.
#[track_caller]
fn audit_line(line: &(String, String), came: &[String], numbers: &HashMap<String, Numbers>) {
    let of = |key: &String| numbers[key];
    let mut seen = HashSet::new();
    let firsts = came.iter().filter(|key| seen.insert(*key));
    let firsts: Vec<i64> = firsts
        .map(of)
        .filter(|one| !one.moved)
        .map(|one| one.first)
        .collect();
    assert!(firsts.is_sorted(), "{line:?}: {firsts:?}");
    let mut seen = HashSet::new();
    let lasts = came.iter().rev().filter(|key| seen.insert(*key));
    let lasts: Vec<i64> = lasts.map(|key| of(key).last).collect();
    assert!(lasts.iter().rev().is_sorted(), "{line:?}: {lasts:?}");
    // A request that was never moved comes in one piece.
    let mut pieces: HashMap<&String, usize> = HashMap::new();
    for key in came {
        *pieces.entry(key).or_default() += 1;
    }
    for (key, pieces) in pieces {
        assert!(
            pieces == 1 || of(key).moved,
            "{line:?}: {key} came in {pieces} pieces"
        );
    }
}

#[test]
fn whatever_happens_requests_keep_their_order_and_none_is_stuck() {
    let (one, two) = (
        Receiver::with(|request| moody(request.before)),
        Receiver::with(|request| moody(request.before)),
    );
    let site = Site::new(&Manifest::new());
    let write = writer(&site, [one.address, two.address]);
    write(&HANDLERS);
    let nowhere = || Target::new("127.0.0.1:1".parse().unwrap());
    let (target, admin) = (nowhere(), nowhere());
    let urls = [one.url("/"), two.url("/")];
    let load = Load::start(&target, 3, Duration::from_millis(15), move |number| {
        sends(number, &urls)
    });
    let chaos = Chaos::start(&admin, write.clone());
    let (gateway, ends) = crash(&site, rounds() / 3, |gateway| {
        target.set(gateway.ingress);
        admin.set(gateway.admin);
    });
    std::thread::sleep(Duration::from_secs(5));
    let report = load.finish();
    let acts = chaos.finish();
    write(&HANDLERS);
    for name in HANDLERS {
        eventually("it serves", || !gateway.serves(name).is_empty());
        ask(&admin, &format!("/api/handlers/{name}/resume"), &json!({})).unwrap();
    }
    let ledger = site.ledger();
    drain(&ledger, &admin);
    let numbers = numbers(&ledger);
    println!(
        "{ends:?}; acknowledged {}, {} requests, {acts} acts, {} moved",
        report.acknowledged.len(),
        numbers.len(),
        numbers.values().filter(|one| one.moved).count(),
    );
    assert_eq!(one.effects() + two.effects(), numbers.len());
    for receiver in [&one, &two] {
        // Each handler has queued a body once.
        let keys = receiver.keys_by_body();
        assert!(keys.values().all(|keys| keys.len() <= HANDLERS.len()));
    }
    for (line, came) in lines(&ledger, &[&one, &two]) {
        audit_line(&line, &came, &numbers);
    }
    assert_eq!(ledger.texts("PRAGMA integrity_check", []), ["ok"]);
    gateway.stop();
}
