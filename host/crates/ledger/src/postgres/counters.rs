//! Counters that every commit brings up to date, so that counting reads no tables.
//!
//! Each slot has a row of its own, so that gateways do not wait for each other. The sum counts.

use super::connection::Connection;
use super::error::Fault;
use super::values::get;
use crate::{Counts, DeliveryState, OutboxState};

const PLAIN: usize = 11;
const DELIVERIES: usize = DeliveryState::ALL.len();
const TOTAL: usize = PLAIN + DELIVERIES + OutboxState::ALL.len();

/// One of the counters. The database has them in this order, which never changes: a new one comes
/// last of the plain ones, with a migration.
#[derive(Clone, Copy)]
pub(crate) enum Counter {
    Events,
    Duplicates,
    DuplicatesDiffering,
    Unrouted,
    Scheduled,
    Pruned,
    Erased,
    Resolving,
    Resolved,
    ResolvedGone,
    /// Deliveries that became dead by their handling, not by an operator.
    Died,
    Deliveries(DeliveryState),
    Outbox(OutboxState),
}

impl Counter {
    fn index(self) -> usize {
        match self {
            Self::Events => 0,
            Self::Duplicates => 1,
            Self::DuplicatesDiffering => 2,
            Self::Unrouted => 3,
            Self::Scheduled => 4,
            Self::Pruned => 5,
            Self::Erased => 6,
            Self::Resolving => 7,
            Self::Resolved => 8,
            Self::ResolvedGone => 9,
            Self::Died => 10,
            Self::Deliveries(state) => PLAIN + state as usize,
            Self::Outbox(state) => PLAIN + DELIVERIES + state as usize,
        }
    }
}

/// By how much a transaction changes the counters.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counters([i64; TOTAL]);

impl Counters {
    /// Changes a counter.
    pub(crate) fn add(&mut self, counter: Counter, by: i64) {
        self.0[counter.index()] += by;
    }

    /// Counts that deliveries went from one state to another.
    pub(crate) fn moved(&mut self, from: DeliveryState, to: DeliveryState, many: i64) {
        self.add(Counter::Deliveries(from), -many);
        self.add(Counter::Deliveries(to), many);
    }

    /// Adds the changes to the row of a slot, and notes the time of the last number. Writes in any
    /// case: a transaction that writes nothing waits for no standby.
    pub(crate) async fn store(
        &self,
        conn: &Connection,
        (slot, last): (i64, i64),
    ) -> Result<(), Fault> {
        conn.execute(
            "INSERT INTO counters (slot, totals, last) VALUES ($1, $2, $3)
             ON CONFLICT (slot) DO UPDATE SET last = excluded.last, totals = ARRAY(
                 SELECT coalesce(t.a, 0) + coalesce(t.b, 0)
                 FROM unnest(counters.totals, excluded.totals) WITH ORDINALITY AS t (a, b, n)
                 ORDER BY t.n)",
            &[&slot, &self.0.to_vec(), &last],
        )
        .await?;
        Ok(())
    }

    /// The counts of all slots together.
    pub(crate) async fn load(conn: &Connection) -> Result<Counts, Fault> {
        let rows = conn.query("SELECT totals FROM counters", &[]).await?;
        let mut all = Self::default();
        for row in rows {
            let totals: Vec<i64> = get(&row, 0)?;
            for (sum, total) in all.0.iter_mut().zip(totals) {
                *sum += total;
            }
        }
        Ok(all.counts())
    }

    fn counts(&self) -> Counts {
        let of = |counter: Counter| u64::try_from(self.0[counter.index()]).unwrap_or(0);
        let deliveries = DeliveryState::ALL.iter().copied();
        let outbox = OutboxState::ALL.iter().copied();
        Counts {
            events: of(Counter::Events),
            duplicates: of(Counter::Duplicates),
            duplicates_differing: of(Counter::DuplicatesDiffering),
            unrouted: of(Counter::Unrouted),
            pruned: of(Counter::Pruned),
            erased: of(Counter::Erased),
            oldest: None,
            deliveries: deliveries
                .map(|state| (state, of(Counter::Deliveries(state))))
                .collect(),
            died: of(Counter::Died),
            blocked: 0,
            outbox: outbox
                .map(|state| (state, of(Counter::Outbox(state))))
                .collect(),
            scheduled: of(Counter::Scheduled),
            resolving: of(Counter::Resolving),
            resolved: of(Counter::Resolved),
            resolved_gone: of(Counter::ResolvedGone),
        }
    }
}
