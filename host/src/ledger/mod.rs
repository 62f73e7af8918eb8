//! The durable store of events, deliveries, attempts, handlers' state and schedules, and
//! the outbox.
//!
//! The trait speaks of what happens to an event, not of tables: record, complete,
//! settle, list. An answer `Ok` to a write means that it is on disk. Writes of
//! concurrent callers share a commit.

#[cfg(test)]
mod conformance;
mod intervene;
mod order;
mod records;
mod retention;
mod schedule;
mod sqlite;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::event::{ComponentDigest, DedupKey, Event, EventId, HandlerName, UnixMillis};

pub use intervene::{Action, Choice, Intervened, Intervention, ReplayKeys};
pub use order::{OrderKey, Rank, Recipient, Turn};
pub use records::{
    AttemptView, Blocker, Brief, DeliveryDetail, DeliverySummary, EmittedView, EventDetail,
    EventSummary, InterventionView, Listed, Order, Page, Payload, RecordFilter, RecordedEmission,
    RecordedEnd, RecordedRun, Records, RequestView, StateFilter, without_query,
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
    /// its handler. Blocks while the queue of writes is full; `then` as in
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

    /// Carries out what an operator asks for, in one transaction; answers for each delivery
    /// or event in order. Blocks until it is durable. The sink is given new deliveries; what
    /// became due again is found by [`Ledger::due`].
    fn intervene(&self, intervention: Intervention) -> Result<Vec<Intervened>, LedgerError>;

    /// Whether an attempt that is kept names this component.
    fn is_named(&self, component: ComponentDigest) -> Result<bool, LedgerError>;

    /// Requests in the outbox, newest first.
    fn outbox_list(
        &self,
        state: Option<OutboxState>,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, LedgerError>;

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

/// The place of a delivery in the order of arrival: unique, rising.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct DeliverySeq(pub i64);

/// The place of a request in the outbox in the order of commits: unique, rising.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct OutboxSeq(pub i64);

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

/// One event for one handler, due to be run.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its place in the order of arrival.
    pub seq: DeliverySeq,
    /// The handler.
    pub handler: HandlerName,
    /// The event.
    pub event: Arc<Event>,
    /// Attempts made so far.
    pub attempts: u32,
    /// How many of these do not count, since they were made on a component that was then
    /// found to be at fault.
    pub excused: u32,
    /// Which run of the delivery this is: 0, and one more for each replay.
    pub run: u32,
    /// The run whose idempotency keys it uses: its own, unless it was replayed with the same
    /// keys as before.
    pub keys: u32,
    /// What is to run, if not the handler's own component.
    pub component: Option<ComponentDigest>,
    /// How many unclean ends of the gateway it was under way at.
    pub crashes: u32,
    /// What it is ordered by.
    pub key: Option<OrderKey>,
    /// When its present run began: with the event, or with the replay. Its age counts from
    /// here.
    pub since: UnixMillis,
}

impl Delivery {
    /// How many of so many attempts count.
    pub fn counted(&self, attempts: u32) -> u32 {
        attempts.saturating_sub(self.excused)
    }

    /// The idempotency key of the delivery's call number `call` (from 0) to the outbox
    /// or to emit: a UUID in text form that is the same on every attempt of a run.
    pub fn idempotency_key(&self, call: u32) -> String {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        hash.update(self.event.id.as_bytes());
        hash.update(self.keys.to_be_bytes());
        hash.update(call.to_be_bytes());
        hash.update(self.handler.as_str().as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        uuid::Builder::from_custom_bytes(bytes)
            .into_uuid()
            .hyphenated()
            .to_string()
    }
}

/// That an operator has paused a handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    /// When.
    pub since: UnixMillis,
    /// Whether its outbox is paused too.
    pub outbox: bool,
}

/// The states that a delivery may be in. (`running` is known to the process that
/// runs it; the ledger keeps it only for a delivery that runs alone.)
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeliveryState {
    /// Recorded, not tried yet.
    Pending,
    /// Claimed to run alone.
    Running,
    /// To be tried again.
    Retrying,
    /// Waits for its handler to come back to the manifest.
    Held,
    /// Handled.
    Done,
    /// The handler had nothing to do.
    Ignored,
    /// Given up.
    Dead,
}

/// The end of one attempt, as it is to be committed.
#[derive(Debug)]
pub struct Completion {
    /// The delivery.
    pub delivery: DeliverySeq,
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
    pub turn: Turn,
}

/// The record of one run of a delivery.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which one, from 1.
    pub number: u32,
    /// Which run of the delivery, from 0.
    pub run: u32,
    /// When it began.
    pub started: UnixMillis,
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
        due: UnixMillis,
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
    /// The delivery does not wait for this attempt: it has ended, or another attempt
    /// was committed meanwhile. Nothing was committed, and nothing is to be done. (An
    /// attempt that had itself been committed is answered `Committed` again.)
    Stale,
}

/// Why effects cannot be applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Inapplicable {
    /// An `add` meets a value that is no counter, or leaves the range of one.
    #[error("`add` to a value in state that is no decimal 64-bit integer, or beyond its range")]
    NotACounter,
    /// An entry of the schedule is due beyond [`SCHEDULE_HORIZON`].
    #[error("scheduled more than 400 days ahead")]
    ScheduleTooFar,
    /// The handler would have more scheduled events than it may.
    #[error("the handler has as many scheduled events as it may have")]
    ScheduleFull,
}

/// What a handler asked for during a run.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Writes to state, at most one a key.
    pub state: Vec<(String, StateWrite)>,
    /// Requests, in the order of the calls.
    pub outbox: Vec<NewRequest>,
    /// Emitted events, in the order of the calls, with the handlers that their routes name.
    pub emitted: Vec<NewEvent>,
    /// Changes to its schedule, at most one a key.
    pub schedule: Vec<(String, ScheduleWrite)>,
}

impl Effects {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.state.is_empty()
            && self.outbox.is_empty()
            && self.emitted.is_empty()
            && self.schedule.is_empty()
    }
}

/// A write to one key of a handler's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StateWrite {
    /// The value is now this.
    Set(Vec<u8>),
    /// There is no value.
    Delete,
    /// The value, a decimal 64-bit integer or absent (0), grows by this.
    Add(i64),
}

/// The version of a state row: changes with every write; 0 means that the key is absent.
/// A key that was deleted and set again has a version that it never had before.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Version(pub i64);

/// A value with its version; no value has version 0.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Versioned {
    /// The value, if the key is present.
    pub value: Option<Vec<u8>>,
    /// Its version.
    pub version: Version,
}

/// One entry of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateEntry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// Its version.
    pub version: Version,
}

/// Something that a handler read from its state, to be checked at the commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Read {
    /// One key.
    Key {
        /// The key.
        key: String,
        /// The version that was seen.
        version: Version,
    },
    /// A listing, with the arguments that it was made with.
    List {
        /// The prefix.
        prefix: String,
        /// Keys after this one.
        after: Option<String>,
        /// At most so many.
        limit: u32,
        /// The keys and versions that were seen.
        seen: Vec<(String, Version)>,
    },
}

/// A request for the outbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRequest {
    /// Its idempotency key.
    pub key: String,
    /// The HTTP method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// The guest's headers. Credentials are not among them: the host adds these as it sends.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Requests of one handler with the same key go out in order.
    pub order_key: Option<String>,
    /// Whether the handler is to get the answer.
    pub respond: Option<Respond>,
}

/// A wish for the answer of a request, as an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Respond {
    /// What the handler recognises it by.
    pub correlation: String,
    /// The account of the event that queued the request.
    pub account: Option<String>,
    /// The depth of the event with the answer.
    pub depth: u32,
}

/// A request that waits in the outbox.
#[derive(Clone, Debug)]
pub struct OutboxRequest {
    /// Its place in the order of commits.
    pub seq: OutboxSeq,
    /// The handler that queued it.
    pub handler: HandlerName,
    /// The event of the delivery that queued it.
    pub event: EventId,
    /// The request.
    pub request: Arc<NewRequest>,
    /// Tries so far.
    pub tries: u32,
    /// When it was queued.
    pub queued: UnixMillis,
    /// Not before this time.
    pub due: UnixMillis,
}

/// What became of one try of an outbox request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// The request.
    pub seq: OutboxSeq,
    /// When the try ended.
    pub at: UnixMillis,
    /// The answer's HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong, in words; empty when nothing did.
    pub error: String,
    /// What state the request gets.
    pub next: OutboxNext,
    /// The answer as an event, to be recorded if this ends the request.
    pub response: Option<Box<NewEvent>>,
}

/// The state that an outbox request has after a try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutboxNext {
    /// Answered 2xx.
    Sent,
    /// To be tried again.
    Waiting {
        /// Not before this time.
        due: UnixMillis,
    },
    /// Given up.
    Dead,
}

/// The states that an outbox request may be in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OutboxState {
    /// To be sent, or sent again.
    Waiting,
    /// Answered 2xx.
    Sent,
    /// Given up.
    Dead,
}

/// An outbox request as an operator sees it.
#[derive(Clone, Debug)]
pub struct OutboxEntry {
    /// The request with its place, handler and tries.
    pub request: OutboxRequest,
    /// Its state.
    pub state: OutboxState,
    /// The last answer's status.
    pub status: Option<u16>,
    /// What went wrong at the last try; empty when nothing did.
    pub error: String,
}

/// What waits.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that are to be run, or run again; those that are held are not among them.
    pub deliveries: u64,
    /// Requests that wait in the outbox.
    pub requests: u64,
    /// Since when the delivery is due that has been for longest, of handlers that are not
    /// paused.
    pub oldest: Option<UnixMillis>,
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
    pub oldest: Option<UnixMillis>,
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

macro_rules! state_names {
    ($type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every variant.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in lists, in JSON and in the ledger's file.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The variant with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

state_names!(DeliveryState {
    Pending = "pending",
    Running = "running",
    Retrying = "retrying",
    Held = "held",
    Done = "done",
    Ignored = "ignored",
    Dead = "dead",
});

state_names!(OutboxState {
    Waiting = "waiting",
    Sent = "sent",
    Dead = "dead",
});

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
