//! The end of an attempt, and what committing it comes to.

use super::lease::Token;
use super::names::state_names;
use super::{DeliveryId, Effects, OrderEffect, Read};
use tollgate_base::event::{ComponentDigest, EventId, HandlerName};
use tollgate_base::time::{SteadyTime, WallTime};

/// The end of one attempt, as it is to be committed.
#[derive(Debug)]
pub struct Completion {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The token of the lease that the delivery ran under.
    pub token: Token,
    /// Its handler.
    pub handler: HandlerName,
    /// Its event.
    pub event: EventId,
    /// What happened.
    pub attempt: Attempt,
    /// What state the delivery gets.
    pub next: NextState,
    /// What the handler read; if any of it has changed, nothing is committed.
    pub reads: Vec<Read>,
    /// What the handler did. Empty unless `next` is done or ignored.
    pub effects: Effects,
    /// What the end means for later deliveries of the same key.
    pub order: OrderEffect,
}

/// The record of one run of a delivery.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which one, from 1.
    pub number: u32,
    /// Which run of the delivery, from 0.
    pub run: u32,
    /// When it began.
    pub started: WallTime,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What the handler or the gateway says of the end; empty when there is nothing
    /// to say.
    pub detail: String,
    /// Captured log lines and output, as JSON lines; empty when there are none.
    pub logs: String,
    /// The component that ran.
    pub component: ComponentDigest,
}

/// How a run of a handler ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AttemptOutcome {
    /// `ok(done)`
    Done,
    /// `ok(ignored)`
    Ignored,
    /// `err(retry)`
    Retry,
    /// `err(reject)`
    Reject,
    /// The guest trapped.
    Trap,
    /// It took longer than `timeout`.
    Timeout,
    /// It hit one of the other limits.
    Limit,
    /// The gateway ended while it ran.
    Crash,
    /// The gateway could not run it, or its effects could not be applied.
    Error,
}

/// The state that a delivery has after an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextState {
    /// Handled.
    Done,
    /// The handler had nothing to do.
    Ignored,
    /// To be tried again.
    Retrying {
        /// Not before this time.
        due: SteadyTime,
    },
    /// Given up.
    Dead,
}

/// What committing a completion came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Completed {
    /// It is durable.
    Committed,
    /// What the handler read has changed since: nothing was committed, run it anew.
    Conflict,
    /// The effects cannot be applied as they stand: nothing was committed, the attempt
    /// failed.
    Inapplicable(Inapplicable),
    /// The delivery does not wait for this attempt: an operator ended it, or had it run anew,
    /// meanwhile. Nothing was committed, and nothing is to be done.
    Stale,
    /// The lease is not in force: it was given back, has expired, or a write under it ended
    /// the work. Nothing was committed, and nothing is to be done. (An attempt that had itself
    /// been committed is answered `Committed` again.)
    LeaseLost,
}

/// Why effects cannot be applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Inapplicable {
    /// An `add` meets a value that is no counter, or leaves the range of one.
    #[error("`add` to a value in state that is no decimal 64-bit integer, or beyond its range")]
    NotACounter,
    /// An entry of the schedule is due beyond [`SCHEDULE_HORIZON`](super::SCHEDULE_HORIZON).
    #[error("scheduled more than 400 days ahead")]
    ScheduleTooFar,
    /// The handler would have more scheduled events than it may.
    #[error("the handler has as many scheduled events as it may have")]
    ScheduleFull,
}

state_names!(AttemptOutcome {
    Done = "done",
    Ignored = "ignored",
    Retry = "retry",
    Reject = "reject",
    Trap = "trap",
    Timeout = "timeout",
    Limit = "limit",
    Crash = "crash",
    Error = "error",
});
