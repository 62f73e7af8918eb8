//! The durable store of events, deliveries, attempts, handlers' state and schedules, and
//! the outbox.
//!
//! The trait speaks of what happens to an event, not of tables: record, complete,
//! settle, list. An answer `Ok` to a write means that it is on disk. Writes of
//! concurrent callers share a commit.

mod attempt;
#[cfg(test)]
mod conformance;
mod counts;
mod delivery;
mod effects;
mod intervene;
mod names;
mod order;
mod records;
mod request;
mod retention;
mod schedule;
mod sqlite;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::event::{ComponentDigest, DedupKey, Event, EventId, HandlerName, UnixMillis};

pub use attempt::{Attempt, AttemptOutcome, Completed, Completion, Inapplicable, NextState};
pub use counts::{Backlog, Counts};
pub use delivery::{Delivery, DeliverySeq, DeliveryState, Pause};
pub use effects::{Effects, Read, StateEntry, StateWrite, Version, Versioned};
pub use intervene::{Action, Choice, Intervened, Intervention, ReplayKeys};
pub use order::{OrderKey, Rank, Recipient, Turn};
pub use records::{
    AttemptView, Blocker, Brief, DeliveryDetail, DeliverySummary, EmittedView, EventDetail,
    EventSummary, InterventionView, Listed, Order, Page, Payload, RecordFilter, RecordedEmission,
    RecordedEnd, RecordedRun, Records, RequestDetail, RequestFilter, RequestSummary, RequestView,
    ScheduledView, StateFilter, TryView, without_query,
};
pub use request::{
    Life, NewRequest, OutboxEntry, OutboxNext, OutboxRequest, OutboxSeq, OutboxState, Respond,
    Settlement,
};
pub use retention::{Erased, Erasure, Keys, Retention, SourceRetention, Swept};
pub use schedule::{Address, Due, Fired, NewScheduled, SCHEDULE_HORIZON, ScheduleWrite, Scheduled};
pub use sqlite::{FatalHook, OpenError, SqliteLedger, SqliteOptions, SqliteReader};

/// The durable store. Every method may be called from any thread.
pub trait Ledger: Send + Sync + 'static {
    /// Records the events of one request with their deliveries, all of them or
    /// none, and resolves once they are durable. The new deliveries have by then
    /// been handed to the [`LedgerSink`]. The caller may go away: the write happens all
    /// the same. Answers are in the order of `events`.
    fn record(&self, events: Vec<NewEvent>) -> RecordFuture;

    /// Commits the end of one attempt: its record, the delivery's next state and
    /// the effects, in one transaction, after checking that what the handler read
    /// still stands. A delivery that became `held` while it ran completes like any other,
    /// except that it stays held where it would have to be tried again; one that has
    /// already ended does not change. Blocks while the queue of writes is full; `then` is
    /// called once, on a thread of the ledger's, after the sink has been given what follows
    /// from the commit (or, when the ledger is closed, on the caller's). It must be short
    /// and must not call the ledger.
    fn complete(&self, completion: Completion, then: CompletionCallback);

    /// Commits what became of an outbox request that was tried, with the event that tells
    /// its handler. One that was cancelled meanwhile is sent all the same if that is what
    /// became of it. Blocks while the queue of writes is full; `then` as in
    /// [`Ledger::complete`].
    fn settle(&self, settlement: Settlement, then: SettlementCallback);

    /// One value of a handler's state with its version.
    fn state_get(&self, handler: &HandlerName, key: &str) -> Result<Versioned, LedgerError>;

    /// Entries of a handler's state whose keys begin with `prefix` and come after
    /// `after`, in byte order, `limit` at most.
    fn state_list(
        &self,
        handler: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateEntry>, LedgerError>;

    /// Deliveries of `handler` that are `pending`, stand behind no other one of their key, and
    /// were recorded after `after`, in the order of arrival, `limit` at most and of about `max_bytes` of payload
    /// (always at least one).
    fn pending(
        &self,
        handler: &HandlerName,
        after: DeliverySeq,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<Delivery>, LedgerError>;

    /// Deliveries of `handler` that are not in `except`, `limit` at most: those whose turn
    /// has come since they arrived, then those that are `retrying` and due at `now`,
    /// earliest first. (By handler, so that the many due deliveries of
    /// one that is busy do not hide those of the others.)
    fn due(
        &self,
        handler: &HandlerName,
        now: UnixMillis,
        limit: usize,
        except: &dyn Fn(DeliverySeq) -> bool,
    ) -> Result<Vec<Delivery>, LedgerError>;

    /// When the next delivery that [`Ledger::due`] finds is due.
    fn next_due(
        &self,
        handler: &HandlerName,
        except: &dyn Fn(DeliverySeq) -> bool,
    ) -> Result<Option<UnixMillis>, LedgerError>;

    /// The newest fact that a `done` delivery of this key told of.
    fn newest(&self, key: &OrderKey) -> Result<Option<Rank>, LedgerError>;

    /// Requests that wait in the outbox, in the order of their commits, that were
    /// queued after `after`, `limit` at most and of about `max_bytes` (always at
    /// least one). Their `due` may lie ahead.
    fn outbox_waiting(
        &self,
        after: OutboxSeq,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRequest>, LedgerError>;

    /// Makes events of what handlers have scheduled for `now` or before, each delivered to
    /// its handler alone, in the order that `address` says: a bounded number, earliest
    /// first. Call it again while the next is due. Blocks until it is durable.
    fn fire(&self, now: UnixMillis, address: &Address) -> Result<Fired, LedgerError>;

    /// What is scheduled, of one handler or of all, in the order in which it is due.
    fn schedule_list(
        &self,
        handler: Option<&HandlerName>,
        limit: usize,
    ) -> Result<Vec<Scheduled>, LedgerError>;

    /// Makes `held` what is due for handlers other than `present`, and `pending`
    /// again what was held for those that are. Returns (held, released); blocks until
    /// it is durable.
    fn hold_absent(&self, present: &[HandlerName]) -> Result<(u64, u64), LedgerError>;

    /// Notes, so that it outlives the end of this process but not of the machine,
    /// that `delivery` is under way on guest thread `slot`; `None` when it has ended.
    /// Costs about a microsecond. After an unclean end, opening the ledger counts
    /// an attempt for each delivery that was under way.
    fn note_running(&self, slot: usize, delivery: Option<DeliverySeq>);

    /// Durably notes that `delivery` is about to run alone, because it was under way
    /// at several unclean ends. Blocks until it is durable.
    fn claim(&self, delivery: DeliverySeq) -> Result<(), LedgerError>;

    /// Makes a delivery `dead` without another attempt, because those it had were used up
    /// by unclean ends. Blocks until it is durable.
    fn give_up(&self, delivery: DeliverySeq, turn: Turn) -> Result<(), LedgerError>;

    /// Lets the deliveries go on that stand behind dead ones of these handlers, which hold
    /// their keys no longer. Returns how many dead ones did; blocks until it is durable.
    fn let_pass(&self, handlers: &[HandlerName]) -> Result<u64, LedgerError>;

    /// Does one small step of what `retention` asks for: prunes events that ended long
    /// enough ago, erases payloads, removes keys that have had their time, gives space
    /// back. Blocks until it is durable. While much waits to be written the step is put
    /// off. To be called again, after a pause, until it says that there is no more to do.
    fn sweep(&self, retention: &Arc<Retention>) -> Result<Swept, LedgerError>;

    /// Erases an event's payload and everything that was made of it now, whatever
    /// retention says; its key and history stay. Blocks until it is durable, and until
    /// the files hold nothing of it either.
    fn erase(&self, event: EventId) -> Result<Erased, LedgerError>;

    /// Writes down how due times stand to the time of day, which has been set: the next
    /// process on this ledger goes on from there.
    fn keep_time(&self) -> Result<(), LedgerError>;

    /// Makes due now, or again, the deliveries of `handler` whose last attempt broke down
    /// (a trap, a timeout, a limit) on `component` and that wait for another one or are
    /// dead; what they went through on it does not count. Returns how many. Blocks until
    /// it is durable. Asking again changes nothing.
    fn excuse(&self, handler: &HandlerName, component: ComponentDigest)
    -> Result<u64, LedgerError>;

    /// Pauses a handler, or resumes it. Blocks until it is durable. The ledger only
    /// remembers it; whoever runs deliveries keeps to it.
    fn set_pause(&self, handler: &HandlerName, pause: Option<Pause>) -> Result<(), LedgerError>;

    /// The handlers that are paused.
    fn pauses(&self) -> Result<Vec<(HandlerName, Pause)>, LedgerError>;

    /// Carries out what an operator asks for, in one transaction; answers for each delivery,
    /// event or request in order. Blocks until it is durable. The sink is given new deliveries
    /// and requests that are sent again; which deliveries became due again is found by
    /// [`Ledger::due`].
    fn intervene(&self, intervention: Intervention) -> Result<Vec<Intervened>, LedgerError>;

    /// Whether an attempt that is kept names this component.
    fn is_named(&self, component: ComponentDigest) -> Result<bool, LedgerError>;

    /// Requests in the outbox, newest first.
    fn outbox_list(
        &self,
        state: Option<OutboxState>,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, LedgerError>;

    /// The request in this place.
    fn outbox_request(&self, seq: OutboxSeq) -> Result<Option<OutboxRequest>, LedgerError>;

    /// What waits at `now`, by counters and the first entries of indexes: for who asks often.
    fn backlog(&self, now: UnixMillis) -> Result<Backlog, LedgerError>;

    /// What is in the ledger, counted.
    fn counts(&self) -> Result<Counts, LedgerError>;

    /// Whether the last write succeeded; false from a failed write until one succeeds.
    fn writable(&self) -> bool;
}

/// Resolves when the events of one request are durable.
pub type RecordFuture = Pin<Box<dyn Future<Output = Result<Vec<Recorded>, LedgerError>> + Send>>;

/// Called when a completion is durable, or cannot be.
pub type CompletionCallback = Box<dyn FnOnce(Result<Completed, LedgerError>) + Send>;

/// Called when a settlement is durable, or cannot be.
pub type SettlementCallback = Box<dyn FnOnce(Result<(), LedgerError>) + Send>;

/// Is told, after each commit and in commit order, what the commit made due. Called
/// on the ledger's writer thread: must be short, must not block, must not call the
/// ledger. Whatever it cannot take in, it can read again from the ledger.
pub trait LedgerSink: Send + Sync + 'static {
    /// New deliveries that may run, in the order of [`DeliverySeq`].
    fn recorded(&self, deliveries: Vec<Delivery>);
    /// Deliveries that stood behind others and whose turn has come. [`Ledger::due`] finds
    /// them too.
    fn released(&self, deliveries: Vec<Delivery>);

    /// New outbox requests, in the order of [`OutboxSeq`].
    fn queued(&self, requests: Vec<OutboxRequest>);

    /// Something was scheduled, of which the earliest is due then. Nothing has to be done:
    /// [`Ledger::fire`] says the same.
    fn scheduled(&self, due: UnixMillis) {
        let _ = due;
    }
}

/// An event that may be recorded: one that was verified, or that came of handling another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewEvent {
    /// The event.
    pub event: Event,
    /// What makes it a duplicate.
    pub dedup: DedupKey,
    /// Further keys: if any of all of them is known, it is a duplicate, and those that are
    /// not lead to the same event from now on. Mostly none.
    pub also: Vec<DedupKey>,
    /// The handlers that its routes name, each once.
    pub handlers: Vec<Recipient>,
}

/// What recording an event came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// It is new.
    New(EventId),
    /// It had been recorded before.
    Duplicate {
        /// The id of the recorded event; none once all that is left of it is its key.
        first: Option<EventId>,
        /// Whether this one has the same bytes, as far as those of the recorded one are still
        /// there.
        same_bytes: bool,
    },
}

impl Recorded {
    /// The id under which the event is recorded, unless it has been pruned.
    pub fn id(self) -> Option<EventId> {
        match self {
            Self::New(id) => Some(id),
            Self::Duplicate { first, .. } => first,
        }
    }
}

/// Why the ledger did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Too much waits to be written.
    #[error("the ledger's queue of writes is full")]
    Busy,
    /// The write failed (disk full, read-only file): nothing of it was committed.
    #[error("the ledger cannot be written: {0}")]
    Unavailable(Arc<str>),
    /// A read failed, or found what no version of the gateway writes.
    #[error("the ledger cannot be read: {0}")]
    Unreadable(Arc<str>),
    /// The ledger has been closed.
    #[error("the ledger is closed")]
    Closed,
}
