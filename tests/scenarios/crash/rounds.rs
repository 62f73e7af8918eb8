//! Rounds of starts and kills, and audits that every test of this folder makes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::harness::{Gateway, Launch, Ledger, Receiver, Site};

/// The number of rounds, unless the environment sets another. They take about a minute.
const ROUNDS: u32 = 63;

/// The failpoints, each with the probability that it ends the process when the process
/// reaches it. Frequent failpoints have small probabilities, so a round lasts some tenths of
/// a second.
const FAILPOINTS: &[&str] = &[
    "before-commit=0.01",
    "during-commit=0.01",
    "after-commit=0.01",
    "answering=0.005",
    "checkpoint=0.01",
    "ran=0.005",
    "sent=0.005",
];

pub(super) fn rounds() -> u32 {
    std::env::var("TOLLGATE_CRASH_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap())
}

/// The number of rounds that ended in each way.
#[derive(Debug, Default)]
pub(super) struct RoundEnds {
    /// Rounds that ended at a failpoint, by its name.
    pub(super) at: HashMap<&'static str, u32>,
    /// Rounds that ended by a kill from outside, because no failpoint fired.
    pub(super) killed: u32,
    /// Rounds that ended during the start.
    pub(super) starting: u32,
}

/// Starts and kills gateways on the site, calls `started` with each, and returns the last
/// one, which keeps running.
pub(super) fn crash(site: &Site, rounds: u32, started: impl Fn(&Gateway)) -> (Gateway, RoundEnds) {
    let seed = fastrand::u64(..);
    println!("{rounds} rounds, seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut ends = RoundEnds::default();
    for round in 0..rounds {
        let failpoint = FAILPOINTS[round as usize % FAILPOINTS.len()];
        let launch = Launch::new(site).env("TOLLGATE_FAILPOINTS", failpoint);
        let mut gateway = match launch.try_start() {
            Ok(gateway) => gateway,
            Err((status, stderr)) => {
                assert!(status.code().is_none(), "it ended by itself: {stderr}");
                ends.starting += 1;
                continue;
            }
        };
        assert_not_restored(&gateway);
        started(&gateway);
        let patience = Duration::from_millis(random.u64(100..1500));
        if gateway.ends_within(patience) {
            *ends.at.entry(failpoint).or_default() += 1;
        } else {
            gateway.kill();
            ends.killed += 1;
        }
    }
    let gateway = site.start();
    assert_not_restored(&gateway);
    started(&gateway);
    (gateway, ends)
}

/// Checks that no kill is taken for a restore of the ledger.
#[track_caller]
fn assert_not_restored(gateway: &Gateway) {
    let said = gateway.stderr();
    assert!(!said.contains("the ledger was restored"), "{said}");
}

/// Counts all unfinished work. One query does it, because work that leaves one table appears
/// in another.
pub(super) fn open(ledger: &Ledger) -> i64 {
    let open = "SELECT (SELECT count(*) FROM schedule)
        + (SELECT count(*) FROM outbox WHERE state = 'waiting')
        + (SELECT count(*) FROM deliveries WHERE state IN ('pending', 'running', 'retrying'))";
    ledger.count(open, [])
}

/// Checks that requests with one order key arrived for the first time in the order of
/// their commits.
#[track_caller]
pub(super) fn audit_order(ledger: &Ledger, receiver: &Receiver) {
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
        // A replay with the same keys queues the same request again.
        let queued = ledger.texts(
            "SELECT key FROM outbox WHERE order_key = ?1 GROUP BY key ORDER BY min(seq)",
            [&order_key],
        );
        assert_eq!(came, queued, "requests of {order_key}");
    }
}
