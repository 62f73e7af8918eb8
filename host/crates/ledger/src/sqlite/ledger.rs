//! The open ledger: its threads, its lock, and the way to the writer.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use super::batch::Memory;
use super::checkpoint::Checkpointer;
use super::error::{At, OpenError};
#[cfg(test)]
use super::op::TestRequest;
use super::op::{Op, Reply, Task};
use super::options::SqliteOptions;
use super::queue::Queue;
use super::reader::SqliteReader;
use super::running::Running;
use super::sweep::Sweeper;
use super::writer::Writer;
use super::{kept_time, open, recover};
use crate::{LedgerError, LedgerSink};
use tollgate_base::time::SteadyClock;

/// The embedded ledger. Dropping it closes it.
pub(crate) struct SqliteLedger {
    pub(super) queue: Arc<Queue>,
    pub(super) writable: Arc<AtomicBool>,
    pub(super) reader: SqliteReader,
    pub(super) running: Running,
    pub(super) clock: Arc<SteadyClock>,
    path: PathBuf,
    /// Held for as long as a step of a sweep takes; nobody but the sweeping thread does.
    pub(super) sweeper: Mutex<Sweeper>,
    closing: Mutex<Option<Closing>>,
}

/// What is to be ended at the close.
struct Closing {
    writer: JoinHandle<bool>,
    /// Released last, when nothing uses the files any more.
    lock: File,
}

impl SqliteLedger {
    /// Opens the ledger for this process alone, brings its schema up to date, counts
    /// what was under way at an unclean end, and starts the writer.
    pub(crate) fn open(
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
    pub(crate) fn close(&self) {
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
    pub(super) fn wait<R, T: Send + 'static>(
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

    pub(super) fn put(&self, op: Op) {
        // A closed queue gives it back, and dropping it answers the caller.
        drop(self.queue.put(op));
    }

    /// Cleans the files of what was overwritten; whether it could be done.
    pub(super) fn scrub(&self) -> bool {
        open::scrub(&self.path).unwrap_or_else(|error| {
            tracing::warn!(%error, "the ledger's files could not be cleaned of what was erased");
            false
        })
    }

    #[cfg(test)]
    pub(super) fn on_writer(&self, request: TestRequest) -> Result<(), LedgerError> {
        self.wait(request, Op::Test)
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        self.close();
    }
}

/// Counts what was under way at an unclean end and opens the file of marks anew.
fn count_crashes(
    conn: &mut rusqlite::Connection,
    path: &Path,
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
