//! The writer: one thread, one transaction at a time.
//!
//! It takes one operation and whatever else waits, writes them in one transaction,
//! and answers all of them once that is synced. Thus many callers share one sync, and
//! one caller alone waits for nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::batch::{self, Isolation, Made, Memory, Moment};
use super::checkpoint::Checkpointer;
use super::error::{Fault, fault, unavailable};
use super::op::Op;
use super::options::FatalHook;
use super::pace::Pace;
use super::queue::Queue;
use super::{kept_time, open, recover};
use crate::LedgerSink;
use tollgate_base::failpoint::{self, Failpoint};
use tollgate_base::time::SteadyClock;

/// Operations in one commit: enough that the sync is a small part of each.
const MAX_OPS: usize = 512;

/// Bytes in one commit, about: keeps the wait for it short when bodies are large.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// What the writer's thread works with.
pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) memory: Memory,
    pub(super) queue: Arc<Queue>,
    pub(super) writable: Arc<AtomicBool>,
    pub(super) clock: Arc<SteadyClock>,
    pub(super) sink: Arc<dyn LedgerSink>,
    pub(super) fatal: FatalHook,
    pub(super) checkpointer: Checkpointer,
}

/// Why the writer ended early.
struct Stopped;

impl Writer {
    /// Works until the queue is closed and empty; then leaves the file as a clean end
    /// does. Returns whether it did.
    pub(super) fn run(mut self) -> bool {
        let queue = Arc::clone(&self.queue);
        let fatal = Arc::clone(&self.fatal);
        let writable = Arc::clone(&self.writable);
        let ended = catch_unwind(AssertUnwindSafe(|| self.work()));
        match ended {
            Ok(Ok(())) => self.end(),
            Ok(Err(Stopped)) => {
                drop(queue.abandon());
                false
            }
            Err(_) => {
                // The callers of the batch were answered as it was unwound.
                writable.store(false, Ordering::Release);
                drop(queue.abandon());
                fatal("the ledger's writer panicked");
                false
            }
        }
    }

    fn work(&mut self) -> Result<(), Stopped> {
        let mut ops = Vec::with_capacity(MAX_OPS);
        let mut pace = Pace::default();
        while let Some(wait) = self
            .queue
            .take(&mut ops, (MAX_OPS, MAX_BYTES), pace.patience())
        {
            pace.begin(ops.len(), wait);
            self.write(&mut ops)?;
            pace.end();
            self.checkpoint_if_due()?;
        }
        Ok(())
    }

    /// Commits the operations, tells the sink, answers the callers.
    fn write(&mut self, ops: &mut Vec<Op>) -> Result<(), Stopped> {
        #[cfg(test)]
        self.run_tests(ops);
        match self.commit(ops) {
            Ok(made) => {
                self.writable.store(true, Ordering::Release);
                if !made.deliveries.is_empty() {
                    self.sink.recorded(made.deliveries);
                }
                if !made.released.is_empty() {
                    self.sink.released(made.released);
                }
                if !made.requests.is_empty() {
                    self.sink.queued(made.requests);
                }
                if let Some(due) = made.scheduled {
                    self.sink.scheduled(due);
                }
                for op in ops.drain(..) {
                    op.finish(None);
                    failpoint::reach(Failpoint::Answering);
                }
                Ok(())
            }
            Err(error) => {
                self.writable.store(false, Ordering::Release);
                tracing::error!(%error, operations = ops.len(), "the ledger cannot be written");
                let answer = unavailable(&error);
                ops.drain(..).for_each(|op| op.finish(Some(&answer)));
                self.judge(&error)
            }
        }
    }

    fn commit(&mut self, ops: &mut [Op]) -> rusqlite::Result<Made> {
        let now = Moment::of(&self.clock);
        let (conn, memory) = (&self.conn, &mut self.memory);
        match batch::run(conn, memory, now, ops, Isolation::Together) {
            Err(error) if fault(&error) == Fault::Operation => {
                tracing::warn!(%error, "an operation failed: its batch is run one by one");
                batch::run(conn, memory, now, ops, Isolation::Apart)
            }
            result => result,
        }
    }

    /// Ends the process where it can no longer be said what is on disk.
    fn judge(&self, error: &rusqlite::Error) -> Result<(), Stopped> {
        if fault(error) != Fault::Fatal && self.conn.is_autocommit() {
            return Ok(());
        }
        (self.fatal)(&format!("the ledger's file failed: {error}"));
        Err(Stopped)
    }

    /// Has the write-ahead log moved into the file when it has grown. The callers of
    /// the last batch have been answered by now.
    fn checkpoint_if_due(&mut self) -> Result<(), Stopped> {
        match self.checkpointer.after_commit(&self.conn) {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "the ledger's write-ahead log could not be moved");
                self.judge(&error)
            }
        }
    }

    fn end(mut self) -> bool {
        drop(self.checkpointer);
        let ended = recover::release_claimed(&mut self.conn, self.clock.now())
            .and_then(|()| kept_time::keep(&self.conn, &self.clock.mark()))
            .and_then(|()| open::checkpoint(&self.conn));
        if let Err(error) = &ended {
            tracing::warn!(%error, "the ledger could not be closed cleanly");
        }
        ended.is_ok()
    }

    #[cfg(test)]
    fn run_tests(&self, ops: &[Op]) {
        for op in ops {
            if let Op::Test(task) = op {
                (task.request)(&self.conn).expect("what the test asks for works");
            }
        }
    }
}
