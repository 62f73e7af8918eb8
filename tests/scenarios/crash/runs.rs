//! The ledger's facts about the runs of all deliveries, for audits of replays.

use std::collections::{HashMap, HashSet};

use crate::harness::Ledger;

/// The ledger's facts about a delivery and its replays.
#[derive(Debug)]
pub(super) struct DeliveryRuns {
    pub(super) provider_id: String,
    pub(super) kind: String,
    /// The number of replays that an operator asked for.
    pub(super) replays: u64,
    /// The number of finished runs with idempotency keys of their own.
    pub(super) keys: u64,
    /// The number of finished runs.
    pub(super) done: u64,
}

/// The ledger's facts about all deliveries, and the handler's counters.
pub(super) struct Runs {
    pub(super) deliveries: Vec<DeliveryRuns>,
    pub(super) counters: HashMap<String, u64>,
}

impl Runs {
    /// Reads the facts. Each value of the handler's state must be a counter.
    pub(super) fn of(ledger: &Ledger, handler: &str) -> Self {
        let counter = |(key, value): (String, String)| (key, value.parse().unwrap());
        Self {
            deliveries: read(ledger),
            counters: ledger.states(handler).into_iter().map(counter).collect(),
        }
    }

    /// Returns the deliveries of events of a type.
    pub(super) fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &DeliveryRuns> {
        self.deliveries.iter().filter(move |runs| runs.kind == kind)
    }

    /// Returns the number of deliveries of events of a type.
    pub(super) fn count(&self, kind: &'static str) -> u64 {
        self.of_kind(kind).count() as u64
    }

    /// Returns the number of finished runs of events of a type.
    pub(super) fn done(&self, kind: &'static str) -> u64 {
        self.of_kind(kind).map(|runs| runs.done).sum()
    }

    /// Returns the number of finished runs of events of a type that had keys of their own.
    pub(super) fn keys(&self, kind: &'static str) -> u64 {
        self.of_kind(kind).map(|runs| runs.keys).sum()
    }

    /// Returns the number of all finished runs.
    pub(super) fn all_done(&self) -> u64 {
        self.deliveries.iter().map(|runs| runs.done).sum()
    }

    /// Returns the number of all replays.
    pub(super) fn all_replays(&self) -> u64 {
        self.deliveries.iter().map(|runs| runs.replays).sum()
    }

    /// Returns the value of a counter; 0 if it is absent.
    pub(super) fn counter(&self, key: &str) -> u64 {
        self.counters.get(key).copied().unwrap_or(0)
    }
}

/// Reads the runs of all deliveries. A run must have finished at most once.
fn read(ledger: &Ledger) -> Vec<DeliveryRuns> {
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
    let runs_of = |(seq, provider_id, kind)| {
        let mut keys = vec![0];
        for (run, same) in replays.remove(&seq).unwrap_or_default().iter().enumerate() {
            keys.push(if *same { keys[run] } else { run + 1 });
        }
        let done = done.remove(&seq).unwrap_or_default();
        let own: HashSet<_> = done.iter().map(|run| keys[*run as usize]).collect();
        DeliveryRuns {
            provider_id,
            kind,
            replays: keys.len() as u64 - 1,
            keys: own.len() as u64,
            done: done.len() as u64,
        }
    };
    deliveries.into_iter().map(runs_of).collect()
}
