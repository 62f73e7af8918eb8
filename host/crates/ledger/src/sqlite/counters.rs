//! Counters that every commit brings up to date, so that counting does not read the tables.

use rusqlite::Connection;

use super::checksum::fnv1a;
use crate::{Counts, DeliveryState, OutboxState};

/// The number of counters without those by state.
const PLAIN: usize = 18;
const DELIVERIES: usize = DeliveryState::ALL.len();
const TOTAL: usize = PLAIN + DELIVERIES + OutboxState::ALL.len();

/// One of the counters.
#[derive(Clone, Copy)]
pub(crate) enum Counter {
    /// The highest version that a row of handlers' state has had. A key that is deleted and
    /// set again gets a higher one, so no version is repeated.
    Version,
    Events,
    Duplicates,
    DuplicatesDiffering,
    Unrouted,
    Scheduled,
    Pruned,
    Erased,
    /// The highest numbers of an event, a delivery and a request when events were last pruned.
    /// No number is given again, since the keys of pruned events refer to them.
    LastEvent,
    LastDelivery,
    LastRequest,
    /// The last event up to which all dedup keys are in the table `dedup`.
    Folded,
    /// The number of the last group commit.
    Commits,
    /// A checksum of `Commits`. A start may read a page that a checkpoint left half written, and
    /// must not take its number for the number of commits.
    CommitsCheck,
    /// Events that wait for their object.
    Resolving,
    /// Events that were resolved since the ledger was made, and those among them whose object was
    /// gone.
    Resolved,
    ResolvedGone,
    /// Deliveries that became dead by their handling, not by an operator.
    Died,
    Deliveries(DeliveryState),
    Outbox(OutboxState),
}

impl Counter {
    /// The counter's place among the values.
    fn index(self) -> usize {
        match self {
            Self::Version => 0,
            Self::Events => 1,
            Self::Duplicates => 2,
            Self::DuplicatesDiffering => 3,
            Self::Unrouted => 4,
            Self::Scheduled => 5,
            Self::Pruned => 6,
            Self::Erased => 7,
            Self::LastEvent => 8,
            Self::LastDelivery => 9,
            Self::LastRequest => 10,
            Self::Folded => 11,
            Self::Commits => 12,
            Self::CommitsCheck => 13,
            Self::Resolving => 14,
            Self::Resolved => 15,
            Self::ResolvedGone => 16,
            Self::Died => 17,
            Self::Deliveries(state) => PLAIN + state as usize,
            Self::Outbox(state) => PLAIN + DELIVERIES + state as usize,
        }
    }

    /// The counter's name in the file.
    fn name(self) -> String {
        match self {
            Self::Version => "version".into(),
            Self::Events => "events".into(),
            Self::Duplicates => "duplicates".into(),
            Self::DuplicatesDiffering => "duplicates_differing".into(),
            Self::Unrouted => "unrouted".into(),
            Self::Scheduled => "scheduled".into(),
            Self::Pruned => "pruned".into(),
            Self::Erased => "erased".into(),
            Self::LastEvent => "last_event".into(),
            Self::LastDelivery => "last_delivery".into(),
            Self::LastRequest => "last_request".into(),
            Self::Folded => "folded".into(),
            Self::Commits => "commits".into(),
            Self::CommitsCheck => "commits_check".into(),
            Self::Resolving => "resolving".into(),
            Self::Resolved => "resolved".into(),
            Self::ResolvedGone => "resolved_gone".into(),
            Self::Died => "died".into(),
            Self::Deliveries(state) => format!("deliveries_{state}"),
            Self::Outbox(state) => format!("outbox_{state}"),
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        [
            Self::Version,
            Self::Events,
            Self::Duplicates,
            Self::DuplicatesDiffering,
            Self::Unrouted,
            Self::Scheduled,
            Self::Pruned,
            Self::Erased,
            Self::LastEvent,
            Self::LastDelivery,
            Self::LastRequest,
            Self::Folded,
            Self::Commits,
            Self::CommitsCheck,
            Self::Resolving,
            Self::Resolved,
            Self::ResolvedGone,
            Self::Died,
        ]
        .into_iter()
        .chain(DeliveryState::ALL.iter().copied().map(Self::Deliveries))
        .chain(OutboxState::ALL.iter().copied().map(Self::Outbox))
    }
}

/// The counters' values within a transaction.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counters([i64; TOTAL]);

impl Counters {
    /// The values of the last commit.
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut counters = Self::default();
        let mut rows = conn.prepare_cached("SELECT name, value FROM counters")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?.as_str()?;
            if let Some(counter) = Counter::all().find(|counter| counter.name() == name) {
                counters.0[counter.index()] = row.get(1)?;
            }
        }
        Ok(counters)
    }

    /// Writes what differs from `before`, within the caller's transaction.
    pub(crate) fn store(&self, conn: &Connection, before: &Self) -> rusqlite::Result<()> {
        for counter in Counter::all() {
            let value = self.0[counter.index()];
            if value != before.0[counter.index()] {
                conn.prepare_cached(
                    "INSERT INTO counters (name, value) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                )?
                .execute((counter.name(), value))?;
            }
        }
        Ok(())
    }

    /// Changes a counter.
    pub(crate) fn add(&mut self, counter: Counter, by: i64) {
        self.0[counter.index()] += by;
    }

    /// The value of a counter.
    pub(crate) fn get(&self, counter: Counter) -> i64 {
        self.0[counter.index()]
    }

    /// Gives a counter a value.
    pub(crate) fn set(&mut self, counter: Counter, value: i64) {
        self.0[counter.index()] = value;
    }

    /// Counts that `many` deliveries went from one state to another.
    pub(crate) fn moved(&mut self, from: DeliveryState, to: DeliveryState, many: i64) {
        self.add(Counter::Deliveries(from), -many);
        self.add(Counter::Deliveries(to), many);
    }

    /// A version that no row of handlers' state has had.
    pub(crate) fn next_version(&mut self) -> i64 {
        self.add(Counter::Version, 1);
        self.0[Counter::Version.index()]
    }

    /// Counts one more group commit.
    pub(crate) fn count_commit(&mut self) {
        self.add(Counter::Commits, 1);
        self.set(Counter::CommitsCheck, check_of(self.get(Counter::Commits)));
    }

    /// The number of the last group commit; `None` if the page it was read from is half written.
    pub(crate) fn commits(&self) -> Option<u64> {
        let commits = self.get(Counter::Commits);
        let check = self.get(Counter::CommitsCheck);
        let sound = check == check_of(commits) || (commits, check) == (0, 0);
        u64::try_from(commits).ok().filter(|_| sound)
    }

    /// The counters as the ledger's callers see them.
    pub(crate) fn counts(&self) -> Counts {
        let of = |counter: Counter| u64::try_from(self.0[counter.index()]).unwrap_or(0);
        Counts {
            events: of(Counter::Events),
            duplicates: of(Counter::Duplicates),
            duplicates_differing: of(Counter::DuplicatesDiffering),
            unrouted: of(Counter::Unrouted),
            scheduled: of(Counter::Scheduled),
            pruned: of(Counter::Pruned),
            erased: of(Counter::Erased),
            resolving: of(Counter::Resolving),
            resolved: of(Counter::Resolved),
            resolved_gone: of(Counter::ResolvedGone),
            died: of(Counter::Died),
            oldest: None,
            blocked: 0,
            deliveries: DeliveryState::ALL
                .iter()
                .map(|&state| (state, of(Counter::Deliveries(state))))
                .collect(),
            outbox: OutboxState::ALL
                .iter()
                .map(|&state| (state, of(Counter::Outbox(state))))
                .collect(),
        }
    }
}

fn check_of(commits: i64) -> i64 {
    fnv1a(commits.to_le_bytes()).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_commits_from_another_moment_does_not_count() {
        let mut counters = Counters::default();
        assert_eq!(counters.commits(), Some(0));
        counters.count_commit();
        counters.count_commit();
        assert_eq!(counters.commits(), Some(2));
        counters.set(Counter::Commits, 1);
        assert_eq!(counters.commits(), None);
    }
}
