//! The writer: one thread, one transaction at a time.
//!
//! The writer takes one operation and all others that wait, applies them in one transaction,
//! and answers their callers once the transaction is synced. So many callers share one sync,
//! and a single caller waits for nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::batch;
use super::checkpoint::Checkpointer;
use super::keep_time::KeepTime;
use super::memory::Memory;
use super::moment::Moment;
use super::pace::Pace;
use super::queue::Queue;
use super::task::{AnyTask, task};
use crate::sqlite::error::{Fault, fault, unavailable};
use crate::sqlite::identity::{Displaced, LedgerFiles};
use crate::sqlite::options::FatalHook;
use crate::sqlite::{kept_time, open, recover};
use crate::{LedgerError, LedgerSink};
use tollgate_base::failpoint::{self, Failpoint};
use tollgate_base::time::{Ahead, SteadyClock};

/// The most operations in one commit: enough that the sync is a small part of each.
const MAX_TASKS: usize = 512;

/// About the most bytes in one commit: keeps the commit short when bodies are large.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How often a busy writer looks for the files that hold nothing acknowledged; an idle one looks
/// each time that it wakes.
const CHECK_ALL: Duration = Duration::from_secs(1);

/// How long the process goes on after its last answers, so that they reach their callers.
const LAST_ANSWERS: Duration = Duration::from_millis(200);

/// The writer's thread, before it is started.
pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) memory: Memory,
    pub(crate) queue: Arc<Queue>,
    pub(crate) writable: Arc<AtomicBool>,
    pub(crate) clock: Arc<SteadyClock>,
    /// By how much the steady clock is ahead of the time of day, as the file has it.
    pub(crate) kept_ahead: Ahead,
    pub(crate) sink: Arc<dyn LedgerSink>,
    pub(crate) fatal: FatalHook,
    pub(crate) checkpointer: Checkpointer,
    /// The files that are open.
    pub(crate) files: LedgerFiles,
}

/// The writer must end early.
struct Stopped;

impl Writer {
    /// Works until the queue is closed and empty, then closes the file cleanly. Returns
    /// whether the end was clean.
    pub(crate) fn run(mut self) -> bool {
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
                // Unwinding has dropped the batch, which answered its callers.
                writable.store(false, Ordering::Release);
                drop(queue.abandon());
                fatal("the ledger's writer panicked");
                false
            }
        }
    }

    fn work(&mut self) -> Result<(), Stopped> {
        let mut tasks = Vec::with_capacity(MAX_TASKS);
        let mut pace = Pace::default();
        let mut checked = Instant::now();
        while let Some(waited) =
            self.queue
                .take(&mut tasks, (MAX_TASKS, MAX_BYTES), pace.patience())
        {
            if tasks.is_empty() {
                self.check_files(&mut tasks, self.files.check_all())?;
                // Readers in other processes and the next process go by the kept time.
                if self.clock.ahead() != self.kept_ahead {
                    self.write(&mut tasks)?;
                }
                continue;
            }
            pace.begin(tasks.len(), waited);
            self.write(&mut tasks)?;
            pace.end();
            if checked.elapsed() >= CHECK_ALL {
                checked = Instant::now();
                self.check_files(&mut tasks, self.files.check_all())?;
            }
            self.checkpoint_if_due()?;
        }
        Ok(())
    }

    /// Commits the operations, tells the sink, answers the callers.
    fn write(&mut self, tasks: &mut Vec<Box<dyn AnyTask>>) -> Result<(), Stopped> {
        #[cfg(test)]
        self.run_tests(tasks);
        let now = Moment::of(&self.clock);
        if now.ahead != self.kept_ahead {
            let moment = self.clock.reading();
            tasks.push(task(KeepTime { moment }, drop));
        }
        match batch::commit(&self.conn, &mut self.memory, now, tasks) {
            Ok(hand_over) => {
                // What was committed into other files is not durable where the next start looks.
                self.check_files(tasks, self.files.check_events())?;
                self.writable.store(true, Ordering::Release);
                self.kept_ahead = now.ahead;
                hand_over.tell(&*self.sink);
                for task in tasks.drain(..) {
                    task.finish(None);
                    failpoint::reach(Failpoint::Answering);
                }
                Ok(())
            }
            Err(error) => {
                self.writable.store(false, Ordering::Release);
                tracing::error!(%error, operations = tasks.len(), "the ledger cannot be written");
                let answer = unavailable(&error);
                tasks.drain(..).for_each(|task| task.finish(Some(&answer)));
                self.judge(&error)
            }
        }
    }

    /// Ends the process if a file of the ledger was moved, deleted or replaced. Answers `tasks`
    /// first: none of them is durable.
    fn check_files(
        &self,
        tasks: &mut Vec<Box<dyn AnyTask>>,
        checked: Result<(), Displaced>,
    ) -> Result<(), Stopped> {
        let Err(displaced) = checked else {
            return Ok(());
        };
        self.writable.store(false, Ordering::Release);
        tracing::error!(error = %displaced, operations = tasks.len(), "the ledger is not where it was");
        let answer = LedgerError::Unavailable(displaced.to_string().into());
        tasks.drain(..).for_each(|task| task.finish(Some(&answer)));
        std::thread::sleep(LAST_ANSWERS);
        (self.fatal)(&displaced.to_string());
        Err(Stopped)
    }

    /// Ends the process if nobody can say any more what is on disk.
    fn judge(&self, error: &rusqlite::Error) -> Result<(), Stopped> {
        if fault(error) != Fault::Fatal && self.conn.is_autocommit() {
            return Ok(());
        }
        (self.fatal)(&format!("the ledger's file failed: {error}"));
        Err(Stopped)
    }

    /// Moves the write-ahead log into the file if the log has grown. The callers of the last
    /// batch have been answered by now.
    fn checkpoint_if_due(&mut self) -> Result<(), Stopped> {
        match self.checkpointer.after_commit(&self.conn) {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "the ledger's write-ahead log could not be moved");
                self.judge(&error)
            }
        }
    }

    /// Closes the file so that the next process has nothing to recover.
    fn end(mut self) -> bool {
        drop(self.checkpointer);
        let ended = recover::release_claimed(&mut self.conn, self.clock.now())
            .and_then(|()| kept_time::keep(&self.conn, &self.clock.reading()))
            .and_then(|()| open::checkpoint(&self.conn));
        if let Err(error) = &ended {
            tracing::warn!(%error, "the ledger could not be closed cleanly");
        }
        ended.is_ok()
    }

    #[cfg(test)]
    fn run_tests(&self, tasks: &[Box<dyn AnyTask>]) {
        for task in tasks {
            let done = task.before_transaction(&self.conn);
            done.expect("what the test asks for works");
        }
    }
}
