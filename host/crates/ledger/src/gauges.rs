//! Figures: the backlog and the counts.

use super::{DeliveryState, LedgerError, OutboxState};
use tollgate_base::histogram::Distribution;
use tollgate_base::time::WallTime;

/// Figures that the gateway reads again and again.
pub trait Gauges: Send + Sync + 'static {
    /// The backlog at `now`, from counters and the first entries of indexes: cheap enough to read
    /// every second.
    fn backlog(&self, now: WallTime) -> Result<Backlog, LedgerError>;

    /// Whether the last write succeeded; false from a failed write until one succeeds.
    fn writable(&self) -> bool;

    /// The length of the log that the engine writes before its tables.
    fn log_size(&self) -> LogSize;

    /// The totals at `now`, as cheap as the backlog.
    fn totals(&self, now: WallTime) -> Result<Totals, LedgerError>;

    /// The group commits since the ledger was opened. Must not block.
    fn commits(&self) -> Commits;
}

/// Totals for a look at every second.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Totals {
    /// The counters. The figures that only a look at rows tells, `blocked` and `oldest`, are empty.
    pub counts: Counts,
    /// Deliveries whose time for another attempt has come, counted up to
    /// [`MAX_DUE`](Self::MAX_DUE).
    pub retries_due: u64,
    /// When the request that has waited in the outbox for longest was queued, or requeued.
    pub oldest_request: Option<WallTime>,
    /// The bytes of the ledger without its log.
    pub bytes: u64,
}

impl Totals {
    /// Due retries are counted up to this number, so that counting stays short.
    pub const MAX_DUE: u64 = 10_000;
}

/// The group commits since a ledger was opened.
#[derive(Clone, Debug)]
pub struct Commits {
    /// The writes in each commit.
    pub operations: Distribution,
    /// The duration of each commit, with its sync, in microseconds.
    pub duration: Distribution,
    /// Commits that failed.
    pub failed: u64,
}

/// The length of the log that an engine writes before its tables.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct LogSize {
    /// Its length in bytes.
    pub bytes: u64,
    /// Whether somebody who reads the ledger keeps a long log from being used anew, so that it
    /// grows with every commit.
    pub held_up: bool,
}

/// The waiting work.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that wait for an attempt. Held deliveries are not among them.
    pub deliveries: u64,
    /// Requests that wait in the outbox.
    pub requests: u64,
    /// The time of day since which the oldest waiting delivery is due, of handlers that are not
    /// paused, or the oldest event that waits for its object.
    pub oldest: Option<WallTime>,
}

/// The contents of the ledger, in numbers.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Events, with emitted events.
    pub events: u64,
    /// Arrivals of events that had been recorded before.
    pub duplicates: u64,
    /// Arrivals among these with other bytes than the recorded event.
    pub duplicates_differing: u64,
    /// Events without a handler in the routes.
    pub unrouted: u64,
    /// Events that were pruned since the ledger was made. `events` does not count them.
    pub pruned: u64,
    /// Events whose payload was erased or redacted since the ledger was made.
    pub erased: u64,
    /// The receipt of the oldest event that is not pruned.
    pub oldest: Option<WallTime>,
    /// Deliveries by state.
    pub deliveries: Vec<(DeliveryState, u64)>,
    /// How often a delivery became dead by its handling, since the ledger was made.
    pub died: u64,
    /// Pending deliveries that stand behind another delivery of their order key, counted up to
    /// 100,000.
    pub blocked: u64,
    /// Outbox requests by state.
    pub outbox: Vec<(OutboxState, u64)>,
    /// Scheduled events that are not recorded yet.
    pub scheduled: u64,
    /// Events that wait until the provider's API has told of their object.
    pub resolving: u64,
    /// Events that were resolved since the ledger was made.
    pub resolved: u64,
    /// Events among these whose object was gone.
    pub resolved_gone: u64,
}
