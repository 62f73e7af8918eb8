//! Totals that are kept with every commit, so that counting does not read the tables.

use rusqlite::Connection;

use crate::{Counts, DeliveryState, OutboxState};

/// How many counters there are beside those by state.
const PLAIN: usize = 12;
const DELIVERIES: usize = DeliveryState::ALL.len();
const TOTAL: usize = PLAIN + DELIVERIES + OutboxState::ALL.len();

/// One of the counters.
#[derive(Clone, Copy)]
pub(super) enum Counter {
    /// The highest version that a row of handlers' state was given. It is kept so that
    /// a key that is deleted and set again never repeats one.
    Version,
    Events,
    Duplicates,
    DuplicatesDiffering,
    Unrouted,
    Scheduled,
    Pruned,
    Erased,
    /// The highest place of an event, a delivery and a request when events were last pruned:
    /// none is given again, since the keys of pruned events refer to them.
    LastEvent,
    LastDelivery,
    LastRequest,
    /// Up to which event all keys are in `dedup`.
    Folded,
    Deliveries(DeliveryState),
    Outbox(OutboxState),
}

impl Counter {
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
        ]
        .into_iter()
        .chain(DeliveryState::ALL.iter().copied().map(Self::Deliveries))
        .chain(OutboxState::ALL.iter().copied().map(Self::Outbox))
    }
}

/// The counters' values within a transaction.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Tally([i64; TOTAL]);

impl Tally {
    /// The values as they were last committed.
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut tally = Self::default();
        let mut rows = conn.prepare_cached("SELECT name, value FROM counters")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?.as_str()?;
            if let Some(counter) = Counter::all().find(|counter| counter.name() == name) {
                tally.0[counter.index()] = row.get(1)?;
            }
        }
        Ok(tally)
    }

    /// Writes what differs from `before`, within the caller's transaction.
    pub(super) fn store(&self, conn: &Connection, before: &Self) -> rusqlite::Result<()> {
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

    pub(super) fn add(&mut self, counter: Counter, by: i64) {
        self.0[counter.index()] += by;
    }

    pub(super) fn get(&self, counter: Counter) -> i64 {
        self.0[counter.index()]
    }

    pub(super) fn set(&mut self, counter: Counter, value: i64) {
        self.0[counter.index()] = value;
    }

    /// Moves `many` deliveries from one state to another.
    pub(super) fn moved(&mut self, from: DeliveryState, to: DeliveryState, many: i64) {
        self.add(Counter::Deliveries(from), -many);
        self.add(Counter::Deliveries(to), many);
    }

    /// A version that no row of state has had.
    pub(super) fn next_version(&mut self) -> i64 {
        self.add(Counter::Version, 1);
        self.0[Counter::Version.index()]
    }

    /// The counters as the ledger's callers see them.
    pub(super) fn counts(&self) -> Counts {
        let of = |counter: Counter| u64::try_from(self.0[counter.index()]).unwrap_or(0);
        Counts {
            events: of(Counter::Events),
            duplicates: of(Counter::Duplicates),
            duplicates_differing: of(Counter::DuplicatesDiffering),
            unrouted: of(Counter::Unrouted),
            scheduled: of(Counter::Scheduled),
            pruned: of(Counter::Pruned),
            erased: of(Counter::Erased),
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
