//! The end of an attempt, and the result of its commit.

use super::lease::Token;
use super::names::state_names;
use super::{DeliveryId, Effects, Exchange, Inapplicable, OrderEffect, Read};
use tollgate_base::event::{ComponentDigest, EventId, HandlerName};
use tollgate_base::time::{SteadyTime, WallTime};

/// The end of one attempt, ready to be committed.
#[derive(Debug)]
pub struct Completion {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The token of the lease that the delivery ran under.
    pub token: Token,
    /// The delivery's handler.
    pub handler: HandlerName,
    /// The delivery's event.
    pub event: EventId,
    /// The record of the attempt.
    pub attempt: Attempt,
    /// The delivery's next state.
    pub next: NextState,
    /// The reads of the run. If a value has changed since, nothing is committed.
    pub reads: Vec<Read>,
    /// The effects of the run. Empty unless `next` is done or ignored.
    pub effects: Effects,
    /// The immediate requests of the run, with their answers.
    pub exchanges: Vec<Exchange>,
    /// The effect on later deliveries of the same order key.
    pub order: OrderEffect,
}

/// The record of one run of a delivery.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The number of the attempt, from 1.
    pub number: u32,
    /// The run of the delivery, from 0.
    pub run: u32,
    /// The start of the run.
    pub started: WallTime,
    /// The duration in microseconds.
    pub duration_us: u64,
    /// The outcome.
    pub outcome: AttemptOutcome,
    /// The reason, as the handler or the gateway gives it; empty if there is none.
    pub detail: String,
    /// Captured log lines and output, as JSON lines; empty when there are none.
    pub logs: String,
    /// The component that ran.
    pub component: ComponentDigest,
}

/// The outcomes of a run.
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
    /// The run took longer than `timeout`.
    Timeout,
    /// The run hit another limit.
    Limit,
    /// The gateway ended during the run.
    Crash,
    /// The gateway could not run the guest, or could not apply the effects.
    Error,
}

/// The state that a delivery has after an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextState {
    /// Handled.
    Done,
    /// The handler had nothing to do.
    Ignored,
    /// Due for another attempt.
    Retrying {
        /// The earliest time of that attempt.
        due: SteadyTime,
    },
    /// Given up.
    Dead,
}

/// The result of a completion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Completed {
    /// The completion is durable.
    Committed,
    /// A value that the handler read has changed since: nothing was committed. Run the handler
    /// anew.
    Conflict,
    /// The effects cannot be applied: nothing was committed, and the attempt failed.
    Inapplicable(Inapplicable),
    /// The delivery does not wait for this attempt: an operator has ended or replayed the delivery
    /// meanwhile. Nothing was committed. The caller does nothing.
    Stale,
    /// The lease is not in force: it was given back, has expired, or a write under it ended the
    /// work. Nothing was committed. The caller does nothing. (An attempt that is committed already
    /// is answered `Committed` again.)
    LeaseLost,
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
