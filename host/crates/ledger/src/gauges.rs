//! Figures: how much waits, how much there is.

use super::{DeliveryState, LedgerError, OutboxState};
use tollgate_base::time::WallTime;

/// Figures that the gateway looks at again and again.
pub trait Gauges: Send + Sync + 'static {
    /// The backlog at `now`, from counters and the first entries of indexes: cheap enough to
    /// ask every second.
    fn backlog(&self, now: WallTime) -> Result<Backlog, LedgerError>;

    /// Whether the last write succeeded; false from a failed write until one succeeds.
    fn writable(&self) -> bool;
}

/// What waits.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that are to be run, or run again; those that are held are not among them.
    pub deliveries: u64,
    /// Requests that wait in the outbox.
    pub requests: u64,
    /// Since when, by the time of day, the delivery is due that has been for longest, of handlers
    /// that are not paused.
    pub oldest: Option<WallTime>,
}

/// What is in the ledger, counted.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Events, emitted ones among them.
    pub events: u64,
    /// Arrivals of events that had been recorded before.
    pub duplicates: u64,
    /// Of these, arrivals with other bytes than the recorded event's.
    pub duplicates_differing: u64,
    /// Events that no route named a handler for.
    pub unrouted: u64,
    /// Events that were pruned, since the ledger was made; `events` has them no more.
    pub pruned: u64,
    /// Events whose payload was erased or redacted, since the ledger was made.
    pub erased: u64,
    /// When the oldest event that is not pruned was received.
    pub oldest: Option<WallTime>,
    /// Deliveries by state.
    pub deliveries: Vec<(DeliveryState, u64)>,
    /// Of those that are pending: how many stand behind another one of their key, counted up
    /// to 100,000.
    pub blocked: u64,
    /// Outbox requests by state.
    pub outbox: Vec<(OutboxState, u64)>,
    /// Events that are scheduled and not due yet.
    pub scheduled: u64,
}
