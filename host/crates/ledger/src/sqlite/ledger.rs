//! The open ledger: its threads, its lock, and its queue to the writer.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::blocks::BlockKeeper;
use super::error::{At, OpenError};
use super::identity::LedgerFiles;
use super::keep::{Scrubber, Sweeper};
use super::leases::LeaseBook;
use super::lineage::Lineage;
use super::options::SqliteOptions;
use super::progress::{self, Moved, Progress, ProgressFile};
use super::read::SqliteReader;
use super::running::RunningFile;
use super::write::{AnyTask, Checkpointer, LogGauge, Memory, Operation, Writer, task};
use super::{kept_time, lineage, open, recover};
use crate::engine::{CommitGauge, Queue};
use crate::{LedgerError, LedgerSink};
use tollgate_base::thread::OwnedThread;
use tollgate_base::time::{SteadyClock, WallTime};

/// The embedded ledger. Dropping it closes it.
pub(crate) struct SqliteLedger {
    pub(super) queue: Arc<Queue<Box<dyn AnyTask>>>,
    pub(super) writable: Arc<AtomicBool>,
    pub(super) log: Arc<LogGauge>,
    pub(super) commits: Arc<CommitGauge>,
    pub(super) reader: Arc<SqliteReader>,
    pub(super) leases: LeaseBook,
    pub(super) running: RunningFile,
    pub(super) clock: Arc<SteadyClock>,
    pub(super) scrubber: Scrubber,
    /// Locked for the time of one step of a sweep. Only the sweeping thread locks it.
    pub(super) sweeper: Mutex<Sweeper>,
    /// The thread that keeps the blocks for searches.
    searching: Mutex<Option<OwnedThread>>,
    closing: Mutex<Option<Closing>>,
}

/// The parts that end when the ledger is closed.
struct Closing {
    writer: JoinHandle<bool>,
    /// The locks are released last, when nothing uses the files any more.
    locks: [File; 2],
}

impl SqliteLedger {
    /// Opens the ledger for this process alone, brings its schema up to date, counts an attempt
    /// for each delivery that ran at an unclean end, and starts the writer.
    pub(crate) fn open(
        options: SqliteOptions,
        clock: Arc<SteadyClock>,
        sink: Arc<dyn LedgerSink>,
    ) -> Result<Self, OpenError> {
        let open::LockedFile { path, lock } = open::lock(&options.path)?;
        let last = last_progress(&path)?;
        lineage::check_files(&path, last.as_ref())?;
        let mut conn = open::writer(&path)?;
        let database = open::lock_database(&path)?;
        let lineage = lineage::begin(&mut conn, last.as_ref(), clock.wall()).at(&path)?;
        tell_restored(&conn).at(&path)?;
        kept_time::resume(&conn, &clock).at(&path)?;
        let running = count_crashes(&mut conn, &path, &clock, lineage.restored)?;
        let progress = begin_progress(&conn, &path, &lineage, last.as_ref(), clock.wall())?;
        let leases = LeaseBook::new();
        let memory = Memory::load(&conn, options.scheduled, leases.clone()).at(&path)?;
        let files =
            LedgerFiles::of(&path, &conn).map_err(|error| open::file_error(&path, error))?;
        let queue = Arc::new(Queue::new(options.queue, options.queue_bytes));
        let writable = Arc::new(AtomicBool::new(true));
        let log = Arc::<LogGauge>::default();
        let commits = Arc::<CommitGauge>::default();
        let writer = Writer {
            conn,
            memory,
            queue: Arc::clone(&queue),
            writable: Arc::clone(&writable),
            commits: Arc::clone(&commits),
            kept_ahead: clock.ahead(),
            clock: Arc::clone(&clock),
            sink,
            checkpointer: Checkpointer::start(
                &path,
                progress.file(),
                Arc::clone(&log),
                Arc::clone(&options.fatal),
            )?,
            progress,
            fatal: options.fatal,
            files,
        };
        let writer = thread::Builder::new()
            .name("ledger".into())
            .spawn(move || writer.run())
            .map_err(|source| open::file_error(&path, source))?;
        let reader = Arc::new(SqliteReader::unchecked(path.clone()));
        let searching = start_searching(&reader, &queue, (&path, options.search_block))?;
        Ok(Self {
            queue,
            writable,
            log,
            commits,
            reader,
            leases,
            running,
            clock,
            scrubber: Scrubber::new(path),
            sweeper: Mutex::new(Sweeper::new()),
            searching: Mutex::new(Some(searching)),
            closing: Mutex::new(Some(Closing {
                writer,
                locks: [database, lock],
            })),
        })
    }

    /// Writes what is queued, answers all callers, and leaves a file that needs no recovery.
    /// Later writes are answered [`LedgerError::Closed`]. The next start counts no attempt for
    /// deliveries that run now.
    pub(crate) fn close(&self) {
        self.end_searching();
        self.queue.close();
        // The writer's connection must be the last one: closing it removes the log.
        self.reader.close_idle();
        let Some(Closing { writer, locks }) = self.closing.lock().take() else {
            return;
        };
        if writer.thread().id() == thread::current().id() {
            // A callback owned the ledger last, and the writer cannot wait for itself. The
            // writer writes what is queued and ends. The next start counts the deliveries that
            // run now.
            return;
        }
        let clean = writer.join().unwrap_or(false);
        if clean {
            self.running.remove();
        }
        drop(locks);
    }

    /// Ends the thread that keeps the blocks. The thread may read, or wait for the writer.
    fn end_searching(&self) {
        let searching = self.searching.lock().take();
        let closing = self.closing.lock();
        let writer = closing.as_ref().map(|closing| closing.writer.thread().id());
        if writer == Some(thread::current().id()) {
            // The writer cannot wait for a thread that waits for the writer.
            thread::spawn(move || drop(searching));
        }
    }

    /// Queues an operation, waits for room in the queue, and waits for the answer.
    pub(super) fn wait<O: Operation>(&self, operation: O) -> Result<O::Answer, LedgerError> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        self.put(operation, move |result| {
            // A caller that is gone needs no answer.
            let _ = answer.send(result);
        });
        answered.recv().unwrap_or(Err(LedgerError::Closed))
    }

    /// Queues an operation and waits for room in the queue; `then` is called with the answer.
    pub(super) fn put<O: Operation>(
        &self,
        operation: O,
        then: impl FnOnce(Result<O::Answer, LedgerError>) + Send + 'static,
    ) {
        // A closed queue gives the task back. Dropping the task answers the caller.
        drop(self.queue.put(task(operation, then)));
    }
}

/// Starts the thread that keeps the blocks for searches.
fn start_searching(
    reader: &Arc<SqliteReader>,
    queue: &Arc<Queue<Box<dyn AnyTask>>>,
    (path, numbers): (&Path, i64),
) -> Result<OwnedThread, OpenError> {
    BlockKeeper::new(Arc::clone(reader), Arc::clone(queue), numbers)
        .start()
        .map_err(|source| open::file_error(path, source))
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        self.close();
    }
}

/// The progress of the last run.
fn last_progress(path: &Path) -> Result<Option<Progress>, OpenError> {
    let file = open::beside(path, lineage::PROGRESS);
    progress::read(&file).map_err(|error| open::file_error(&file, error))
}

/// Says that the ledger was restored, at each start until an operator has released it.
fn tell_restored(conn: &Connection) -> rusqlite::Result<()> {
    if let Some(restore) = lineage::restored(conn)? {
        tracing::warn!(
            on_hold = restore.on_hold,
            "the ledger was restored: {restore}; events that were acknowledged in between must be \
             sent again by their providers, and effects since then may happen twice; `tollgate \
             ledger release` ends this message"
        );
    }
    Ok(())
}

/// Moves everything into the database's file, and begins this run's progress.
fn begin_progress(
    conn: &Connection,
    path: &Path,
    lineage: &Lineage,
    last: Option<&Progress>,
    now: WallTime,
) -> Result<ProgressFile, OpenError> {
    let moved = match open::checkpoint(conn).at(path)? {
        true => lineage::moved(conn, lineage.commits).at(path)?,
        // Somebody reads an older state. What was known of the file still holds.
        false => last
            .filter(|last| last.token == lineage.token)
            .map_or_else(Moved::default, |last| last.moved),
    };
    let progress = Progress {
        token: lineage.token,
        commits: lineage.commits,
        at: last
            .filter(|_| !lineage.restored)
            .map_or(now, |last| last.at),
        moved,
    };
    let file = open::beside(path, lineage::PROGRESS);
    ProgressFile::begin(file.clone(), progress).map_err(|error| open::file_error(&file, error))
}

/// Counts an attempt for each delivery that ran at an unclean end, and empties the file that
/// names these deliveries. The file says nothing of a database that was `restored`.
fn count_crashes(
    conn: &mut Connection,
    path: &Path,
    clock: &SteadyClock,
    restored: bool,
) -> Result<RunningFile, OpenError> {
    let file = open::beside(path, ".running");
    let failed = |source| open::file_error(&file, source);
    let (running, mut noted) = RunningFile::open(file.clone()).map_err(failed)?;
    if restored {
        noted.clear();
    }
    let counted = recover::count_crashes(conn, &noted, clock).at(path)?;
    if counted > 0 {
        tracing::warn!(
            deliveries = counted,
            "the gateway did not end cleanly: each delivery that ran then gets an attempt more",
        );
    }
    running.clear().map_err(failed)?;
    Ok(running)
}
