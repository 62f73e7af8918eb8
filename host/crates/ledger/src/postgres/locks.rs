//! Advisory locks, which serialize the transactions of all gateways.
//!
//! Most transactions share [`ALL`] and lock what they touch, by keys in one order, in a statement
//! before the first that reads: order keys, lines of requests, keys of handlers' state, schedules.
//! A rare one that may touch anything takes [`ALL`] for itself, and is alone in the database.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// Migrations.
pub(crate) const SCHEMA: i64 = i64::from_be_bytes(*b"tollgate");

/// Every transaction that writes.
pub(crate) const ALL: i64 = SCHEMA + 1;

/// What a transaction locks. A lock is shared or exclusive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locks {
    /// Whether the transaction is alone in the database.
    pub(crate) alone: bool,
    keys: BTreeMap<i64, bool>,
}

impl Locks {
    /// Those of a transaction that may touch anything.
    pub(crate) fn alone() -> Self {
        Self {
            alone: true,
            ..Self::default()
        }
    }

    /// Adds a lock. Of both kinds of one key, the exclusive one is taken.
    pub(crate) fn add(&mut self, key: i64, exclusive: bool) {
        *self.keys.entry(key).or_default() |= exclusive;
    }

    /// Adds those of another transaction.
    pub(crate) fn extend(&mut self, other: Self) {
        self.alone |= other.alone;
        for (key, exclusive) in other.keys {
            self.add(key, exclusive);
        }
    }

    /// The keys in order, with whether each is taken exclusively. `ALL` comes before them.
    pub(crate) fn in_order(&self) -> (Vec<i64>, Vec<bool>) {
        let all = std::iter::once((ALL, self.alone));
        // Nobody competes with a transaction that is alone.
        let keys = self.keys.iter().filter(|_| !self.alone);
        all.chain(keys.map(|(key, exclusive)| (*key, *exclusive)))
            .unzip()
    }
}

/// What is locked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Thing<'a> {
    /// The deliveries of an order key.
    Line(&'a [u8; 16]),
    /// The requests of a handler's order key.
    Requests(&'a [u8; 16]),
    /// A dedup key.
    Dedup(&'a [u8; 16]),
    /// A key of a handler's state.
    State(&'a str, &'a str),
    /// All keys of a handler's state.
    States(&'a str),
    /// A handler's schedule.
    Schedule(&'a str),
}

/// The key of a lock. Gateways of all versions must make the same one.
pub(crate) fn key(thing: Thing<'_>) -> i64 {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    match thing {
        Thing::Line(key) => [&b"line"[..], key].into_iter().for_each(&mut part),
        Thing::Requests(line) => [&b"requests"[..], line].into_iter().for_each(&mut part),
        Thing::Dedup(key) => [&b"dedup"[..], key].into_iter().for_each(&mut part),
        Thing::State(handler, key) => [&b"state"[..], handler.as_bytes(), key.as_bytes()]
            .into_iter()
            .for_each(&mut part),
        Thing::States(handler) => [&b"states"[..], handler.as_bytes()]
            .into_iter()
            .for_each(&mut part),
        Thing::Schedule(handler) => [&b"schedule"[..], handler.as_bytes()]
            .into_iter()
            .for_each(&mut part),
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    i64::from_be_bytes(first)
}
