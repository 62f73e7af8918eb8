//! The embedded ledger: one SQLite file, one writer thread.
//!
//! Writes go through a bounded queue to the writer ([`writer`]), which commits what
//! has gathered in one synced transaction ([`batch`]) and then answers. Reads have
//! connections of their own ([`reader`]) and never wait for a write. The file is in
//! WAL mode with `synchronous=FULL`: what was acknowledged survives a power cut.

mod backlog;
mod batch;
mod checkpoint;
mod complete;
mod erase;
mod error;
mod excuse;
mod history;
mod intervene;
mod kept_time;
mod keys;
mod op;
mod open;
mod order;
mod pace;
mod pauses;
mod prune;
mod queue;
mod reader;
mod reads;
mod record;
mod records;
mod recover;
mod requests;
mod rows;
mod running;
mod schedule;
mod schema;
mod settle;
mod state;
mod sweep;
mod sweep_pace;
mod tally;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use self::batch::Memory;
use self::checkpoint::Checkpointer;
use self::error::At;
use self::op::{
    CompletionRequest, FireRequest, HoldStep, Mark, Op, Prepared, Reply, SettlementRequest,
    Sweeping, Task,
};
use self::queue::{Queue, Refused};
use self::running::Running;
use self::sweep::Sweeper;
use self::writer::Writer;
use super::{
    Address, Backlog, Completion, CompletionCallback, Counts, Delivery, DeliveryDetail,
    DeliverySeq, DeliveryState, DeliverySummary, Erased, EventDetail, EventSummary, Fired,
    Intervened, Intervention, Ledger, LedgerError, LedgerSink, Listed, NewEvent, OrderKey,
    OutboxEntry, OutboxRequest, OutboxSeq, OutboxState, Page, Pause, Rank, RecordFilter,
    RecordFuture, Records, RequestDetail, RequestFilter, RequestSummary, Retention, Scheduled,
    Settlement, SettlementCallback, StateEntry, Swept, Turn, Versioned,
};
use crate::clock::{Clock, SteadyClock};
use crate::event::{ComponentDigest, Event, EventId, HandlerName, UnixMillis};

pub use error::OpenError;
pub use reader::SqliteReader;

/// Called with the reason when the process must end, since what is on disk is no
/// longer known.
pub type FatalHook = Arc<dyn Fn(&str) + Send + Sync>;

/// How to open an [`SqliteLedger`].
#[derive(Clone)]
pub struct SqliteOptions {
    /// The ledger's file; it and its folder are made if they are missing. Beside it
    /// lie files with its name and `-wal`, `-shm` (SQLite's), `.lock`, `.running`.
    pub path: PathBuf,
    /// How many operations may wait to be written.
    pub queue: usize,
    /// How many bytes the waiting operations may hold together.
    pub queue_bytes: usize,
    /// How many events a handler may have scheduled.
    pub scheduled: u32,
    /// What to do when the file fails (an I/O error, corruption) or the writer panics.
    /// By default the process is aborted: the next one recovers from what is on disk.
    pub fatal: FatalHook,
}

impl SqliteOptions {
    /// The defaults, for the file at `path`: 4096 operations, 64 MiB, 1,000,000 scheduled
    /// events a handler.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            queue: 4096,
            queue_bytes: 64 * 1024 * 1024,
            scheduled: 1_000_000,
            fatal: Arc::new(|reason| {
                tracing::error!(reason, "the process ends");
                std::process::abort();
            }),
        }
    }
}

/// The embedded ledger. Dropping it closes it.
pub struct SqliteLedger {
    queue: Arc<Queue>,
    writable: Arc<AtomicBool>,
    reader: SqliteReader,
    running: Running,
    clock: Arc<SteadyClock>,
    path: PathBuf,
    /// Held for as long as a step of a sweep takes; nobody but the sweeping thread does.
    sweeper: Mutex<Sweeper>,
    closing: Mutex<Option<Closing>>,
}

/// With how many operations waiting a sweep lets the writer be.
const BUSY: usize = 32;

/// How often the files are tried to be cleaned while readers hinder it, and how long each
/// time is waited.
const SCRUB_TRIES: u32 = 100;
const SCRUB_PAUSE: Duration = Duration::from_millis(20);

/// What is to be ended at the close.
struct Closing {
    writer: JoinHandle<bool>,
    /// Released last, when nothing uses the files any more.
    lock: File,
}

impl SqliteLedger {
    /// Opens the ledger for this process alone, brings its schema up to date, counts
    /// what was under way at an unclean end, and starts the writer.
    pub fn open(
        options: SqliteOptions,
        clock: Arc<SteadyClock>,
        sink: Arc<dyn LedgerSink>,
    ) -> Result<Self, OpenError> {
        let open::Claimed { path, lock } = open::claim(&options.path)?;
        let mut conn = open::writer(&path)?;
        kept_time::resume(&conn, &clock).at(&path)?;
        let running = count_crashes(&mut conn, &path, &clock)?;
        let memory = Memory::load(&conn, options.scheduled).at(&path)?;
        let queue = Arc::new(Queue::new(options.queue, options.queue_bytes));
        let writable = Arc::new(AtomicBool::new(true));
        let writer = Writer {
            conn,
            memory,
            queue: Arc::clone(&queue),
            writable: Arc::clone(&writable),
            clock: Arc::clone(&clock),
            sink,
            checkpointer: Checkpointer::start(&path, Arc::clone(&options.fatal))?,
            fatal: options.fatal,
        };
        let writer = thread::Builder::new()
            .name("ledger".into())
            .spawn(move || writer.run())
            .map_err(|source| open::file_error(&path, source))?;
        Ok(Self {
            queue,
            writable,
            reader: SqliteReader::unchecked(path.clone()),
            running,
            clock,
            path,
            sweeper: Mutex::new(Sweeper::new()),
            closing: Mutex::new(Some(Closing { writer, lock })),
        })
    }

    /// Writes what is queued, answers everybody, and leaves the file as one that needs
    /// no recovery. Later writes are answered [`LedgerError::Closed`]. What is under way
    /// is not counted as an attempt by the next start.
    pub fn close(&self) {
        self.queue.close();
        // The writer's connection is to be the last, which leaves no log behind.
        self.reader.close_idle();
        let Some(Closing { writer, lock }) = self.closing.lock().take() else {
            return;
        };
        if writer.thread().id() == thread::current().id() {
            // The last owner was a callback: the writer cannot wait for itself. It
            // writes what is queued and ends; its marks are counted at the next start.
            return;
        }
        let clean = writer.join().unwrap_or(false);
        if clean {
            self.running.remove();
        }
        drop(lock);
    }

    /// Queues an operation, waiting for room, and waits for its answer.
    fn wait<R, T: Send + 'static>(
        &self,
        request: R,
        op: fn(Task<R, T>) -> Op,
    ) -> Result<T, LedgerError> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let reply = Reply::new(Box::new(move |result| {
            // A caller that is gone needs no answer.
            let _ = answer.send(result);
        }));
        self.put(op(Task::new(request, reply)));
        answered.recv().unwrap_or(Err(LedgerError::Closed))
    }

    fn put(&self, op: Op) {
        // A closed queue gives it back, and dropping it answers the caller.
        drop(self.queue.put(op));
    }

    /// Cleans the files of what was overwritten; whether it could be done.
    fn scrub(&self) -> bool {
        open::scrub(&self.path).unwrap_or_else(|error| {
            tracing::warn!(%error, "the ledger's files could not be cleaned of what was erased");
            false
        })
    }

    #[cfg(test)]
    fn on_writer(&self, request: op::TestRequest) -> Result<(), LedgerError> {
        self.wait(request, Op::Test)
    }
}

/// Counts what was under way at an unclean end and opens the file of marks anew.
fn count_crashes(
    conn: &mut rusqlite::Connection,
    path: &std::path::Path,
    clock: &SteadyClock,
) -> Result<Running, OpenError> {
    let marks = open::beside(path, ".running");
    let failed = |source| open::file_error(&marks, source);
    let (running, marked) = Running::open(marks.clone()).map_err(failed)?;
    let counted = recover::count_crashes(conn, &marked, clock).at(path)?;
    if counted > 0 {
        tracing::warn!(
            deliveries = counted,
            "the gateway did not end cleanly: what was under way counts as an attempt",
        );
    }
    running.clear().map_err(failed)?;
    Ok(running)
}

impl Ledger for SqliteLedger {
    fn record(&self, events: Vec<NewEvent>) -> RecordFuture {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let reply = Reply::new(Box::new(move |result| {
            // The sender may have hung up; the events are recorded all the same.
            let _ = answer.send(result);
        }));
        let events = events.into_iter().map(Prepared::from).collect();
        match self.queue.offer(Op::Record(Task::new(events, reply))) {
            Ok(()) => Box::pin(async { answered.await.unwrap_or(Err(LedgerError::Closed)) }),
            Err((_, Refused::Full)) => Box::pin(async { Err(LedgerError::Busy) }),
            Err((_, Refused::Closed)) => Box::pin(async { Err(LedgerError::Closed) }),
        }
    }

    fn complete(&self, completion: Completion, then: CompletionCallback) {
        let request = CompletionRequest::from(completion);
        self.put(Op::Complete(Box::new(Task::new(request, Reply::new(then)))));
    }

    fn settle(&self, settlement: Settlement, then: SettlementCallback) {
        let request = SettlementRequest::from(settlement);
        self.put(Op::Settle(Box::new(Task::new(request, Reply::new(then)))));
    }

    fn state_get(&self, handler: &HandlerName, key: &str) -> Result<Versioned, LedgerError> {
        self.reader.state_get(handler, key)
    }

    fn state_list(
        &self,
        handler: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateEntry>, LedgerError> {
        self.reader.state_list(handler, prefix, after, limit)
    }

    fn pending(
        &self,
        handler: &HandlerName,
        after: DeliverySeq,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<Delivery>, LedgerError> {
        self.reader.pending(handler, after, limit, max_bytes)
    }

    fn due(
        &self,
        handler: &HandlerName,
        now: UnixMillis,
        limit: usize,
        except: &dyn Fn(DeliverySeq) -> bool,
    ) -> Result<Vec<Delivery>, LedgerError> {
        self.reader.due(handler, now, limit, except)
    }

    fn next_due(
        &self,
        handler: &HandlerName,
        except: &dyn Fn(DeliverySeq) -> bool,
    ) -> Result<Option<UnixMillis>, LedgerError> {
        self.reader.next_due(handler, except)
    }

    fn newest(&self, key: &OrderKey) -> Result<Option<Rank>, LedgerError> {
        self.reader.newest(key)
    }

    fn outbox_waiting(
        &self,
        after: OutboxSeq,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRequest>, LedgerError> {
        self.reader.outbox_waiting(after, limit, max_bytes)
    }

    fn fire(&self, now: UnixMillis, address: &Address) -> Result<Fired, LedgerError> {
        let address = address.clone();
        self.wait(FireRequest { now, address }, Op::Fire)
    }

    fn schedule_list(
        &self,
        handler: Option<&HandlerName>,
        limit: usize,
    ) -> Result<Vec<Scheduled>, LedgerError> {
        self.reader.schedule_list(handler, limit)
    }

    fn hold_absent(&self, present: &[HandlerName]) -> Result<(u64, u64), LedgerError> {
        let (mut held, mut released) = (0, 0);
        loop {
            let step: HoldStep = self.wait(present.to_vec(), Op::Hold)?;
            held += step.held;
            released += step.released;
            if !step.more {
                return Ok((held, released));
            }
        }
    }

    fn note_running(&self, slot: usize, delivery: Option<DeliverySeq>) {
        self.running.note(slot, delivery);
    }

    fn claim(&self, delivery: DeliverySeq) -> Result<(), LedgerError> {
        let to = DeliveryState::Running;
        let turn = Turn::default();
        self.wait(Mark { delivery, to, turn }, Op::Mark)
    }

    fn give_up(&self, delivery: DeliverySeq, turn: Turn) -> Result<(), LedgerError> {
        let to = DeliveryState::Dead;
        self.wait(Mark { delivery, to, turn }, Op::Mark)
    }

    fn let_pass(&self, handlers: &[HandlerName]) -> Result<u64, LedgerError> {
        let mut passed = 0;
        loop {
            let step: u64 = self.wait(handlers.to_vec(), Op::LetPass)?;
            passed += step;
            if step < order::PASS_STEP {
                return Ok(passed);
            }
        }
    }

    fn sweep(&self, retention: &Arc<Retention>) -> Result<Swept, LedgerError> {
        let mut sweeper = self.sweeper.lock();
        sweeper.follow(retention);
        if sweeper.puts_off(self.queue.len() > BUSY) {
            return Ok(Sweeper::only_read());
        }
        let now = self.clock.cautious();
        if let Some(work) = self.reader.read(|conn| sweeper.next(conn, now))? {
            let sweeping = Sweeping {
                retention: Arc::clone(retention),
                work,
                rows: sweeper.rows(),
            };
            let began = Instant::now();
            let done = self.wait(sweeping, |task| Op::Sweep(Box::new(task)))?;
            return Ok(sweeper.done(done, began.elapsed()));
        }
        if !sweeper.ends() {
            return Ok(Sweeper::only_read());
        }
        if sweeper.wants_scrub() && self.scrub() {
            sweeper.scrubbed();
        }
        Ok(Swept::default())
    }

    fn erase(&self, event: EventId) -> Result<Erased, LedgerError> {
        let erased = self.wait(event, Op::Erase)?;
        if erased == Erased::Done
            && !(0..SCRUB_TRIES).any(|_| {
                let clean = self.scrub();
                if !clean {
                    thread::sleep(SCRUB_PAUSE);
                }
                clean
            })
        {
            tracing::warn!(
                %event,
                "the write-ahead log may hold an erased payload until it is written over: \
                 somebody reads the ledger all the time",
            );
        }
        Ok(erased)
    }

    fn excuse(
        &self,
        handler: &HandlerName,
        component: ComponentDigest,
    ) -> Result<u64, LedgerError> {
        let now = self.clock.now();
        excuse::excuse(&self.reader, handler, component, now, |excuse| {
            self.wait(excuse, Op::Excuse)
        })
    }

    fn keep_time(&self) -> Result<(), LedgerError> {
        self.wait(self.clock.mark(), |task| Op::KeepTime(Box::new(task)))
    }

    fn set_pause(&self, handler: &HandlerName, pause: Option<Pause>) -> Result<(), LedgerError> {
        self.wait((handler.clone(), pause), Op::Pause)
    }

    fn pauses(&self) -> Result<Vec<(HandlerName, Pause)>, LedgerError> {
        self.reader.pauses()
    }

    fn intervene(&self, intervention: Intervention) -> Result<Vec<Intervened>, LedgerError> {
        self.wait(intervention, |task| Op::Intervene(Box::new(task)))
    }

    fn is_named(&self, component: ComponentDigest) -> Result<bool, LedgerError> {
        self.reader.is_named(component)
    }

    fn outbox_list(
        &self,
        state: Option<OutboxState>,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, LedgerError> {
        self.reader.outbox_list(state, limit)
    }

    fn outbox_request(&self, seq: OutboxSeq) -> Result<Option<OutboxRequest>, LedgerError> {
        self.reader.read(|conn| reads::outbox_request(conn, seq))
    }

    fn backlog(&self, now: UnixMillis) -> Result<Backlog, LedgerError> {
        self.reader.backlog(now, self.clock.ahead())
    }

    fn counts(&self) -> Result<Counts, LedgerError> {
        self.reader.counts()
    }

    fn writable(&self) -> bool {
        self.writable.load(Ordering::Acquire)
    }
}

impl Records for SqliteLedger {
    fn events(
        &self,
        filter: &RecordFilter,
        page: Page,
    ) -> Result<Listed<EventSummary>, LedgerError> {
        self.reader.events(filter, page)
    }

    fn event(&self, id: EventId) -> Result<Option<EventDetail>, LedgerError> {
        self.reader.event(id)
    }

    fn event_to_run(&self, seq: i64) -> Result<Option<Event>, LedgerError> {
        self.reader.event_to_run(seq)
    }

    fn deliveries(
        &self,
        filter: &RecordFilter,
        page: Page,
    ) -> Result<Listed<DeliverySummary>, LedgerError> {
        self.reader.deliveries(filter, page)
    }

    fn delivery(&self, seq: DeliverySeq) -> Result<Option<DeliveryDetail>, LedgerError> {
        self.reader.delivery(seq)
    }

    fn requests(
        &self,
        filter: &RequestFilter,
        page: Page,
    ) -> Result<Listed<RequestSummary>, LedgerError> {
        self.reader.requests(filter, page)
    }

    fn request(&self, seq: OutboxSeq) -> Result<Option<RequestDetail>, LedgerError> {
        self.reader.request(seq)
    }

    fn handlers(&self) -> Result<Vec<HandlerName>, LedgerError> {
        self.reader.handlers()
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        self.close();
    }
}
