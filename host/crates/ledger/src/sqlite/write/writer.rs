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
use super::checkpoint::{Checkpointer, LogState};
use super::keep_time::KeepTime;
use super::memory::Memory;
use super::task::{AnyTask, task};
use crate::engine::{CommitGauge, Moment, Pace, Queue};
use crate::sqlite::error::{Fault, fault, unavailable};
use crate::sqlite::identity::{Displaced, LedgerFiles};
use crate::sqlite::options::FatalHook;
use crate::sqlite::progress::ProgressFile;
use crate::sqlite::{kept_time, lineage, open, recover};
use crate::{LedgerError, LedgerSink};
use tollgate_base::failpoint::{self, Failpoint};
use tollgate_base::time::{Ahead, SteadyClock, WallTime};

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
    pub(crate) queue: Arc<Queue<Box<dyn AnyTask>>>,
    pub(crate) writable: Arc<AtomicBool>,
    pub(crate) commits: Arc<CommitGauge>,
    pub(crate) clock: Arc<SteadyClock>,
    /// By how much the steady clock is ahead of the time of day, as the file has it.
    pub(crate) kept_ahead: Ahead,
    pub(crate) sink: Arc<dyn LedgerSink>,
    pub(crate) fatal: FatalHook,
    pub(crate) checkpointer: Checkpointer,
    /// How far the ledger has come, for the next start.
    pub(crate) progress: ProgressFile,
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
                self.check_all(&mut tasks)?;
                // Readers in other processes and the next process go by the kept time.
                if self.clock.ahead() != self.kept_ahead {
                    self.write(&mut tasks)?;
                }
                self.look_at_the_log(true)?;
                continue;
            }
            pace.begin(tasks.len(), waited);
            self.write(&mut tasks)?;
            pace.end();
            if checked.elapsed() >= CHECK_ALL {
                checked = Instant::now();
                self.check_all(&mut tasks)?;
                self.look_at_the_log(false)?;
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
        // A commit behind the end of a file that was cut would hide the cut.
        self.check_events(tasks)?;
        let begun = Instant::now();
        match batch::commit(&self.conn, &mut self.memory, now, tasks) {
            Ok(hand_over) => {
                self.commits.committed(tasks.len(), begun.elapsed());
                // What was committed into other files is not durable where the next start looks.
                self.check_events(tasks)?;
                self.note_commit(now.wall);
                self.writable.store(true, Ordering::Release);
                self.kept_ahead = now.ahead;
                hand_over.tell(&*self.sink);
                for task in tasks.drain(..) {
                    task.finish(None);
                    failpoint::reach(Failpoint::Answering);
                }
                let noted = self.files.committed(&self.conn);
                noted.or_else(|error| self.judge(&error))
            }
            Err(error) => {
                self.commits.failed();
                self.writable.store(false, Ordering::Release);
                tracing::error!(%error, operations = tasks.len(), "the ledger cannot be written");
                let answer = unavailable(&error);
                tasks.drain(..).for_each(|task| task.finish(Some(&answer)));
                self.judge(&error)
            }
        }
    }

    fn note_commit(&mut self, at: WallTime) {
        if let Some(commits) = self.memory.counters.commits() {
            self.progress.committed(commits, at);
        }
    }

    /// Looks at the files that hold what is acknowledged.
    fn check_events(&mut self, tasks: &mut Vec<Box<dyn AnyTask>>) -> Result<(), Stopped> {
        let checked = self.files.check_events(&self.conn);
        self.end_if_displaced(tasks, checked)
    }

    /// Looks at all files.
    fn check_all(&mut self, tasks: &mut Vec<Box<dyn AnyTask>>) -> Result<(), Stopped> {
        let checked = self.files.check_all(&self.conn);
        self.end_if_displaced(tasks, checked)
    }

    /// Ends the process if a file of the ledger was moved, deleted, replaced or cut. Answers
    /// `tasks` first: none of them is durable.
    fn end_if_displaced(
        &self,
        tasks: &mut Vec<Box<dyn AnyTask>>,
        checked: Result<(), Displaced>,
    ) -> Result<(), Stopped> {
        let Err(displaced) = checked else {
            return Ok(());
        };
        self.writable.store(false, Ordering::Release);
        tracing::error!(error = %displaced, operations = tasks.len(), "the ledger is not what it was");
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
        let state = self.checkpointer.after_commit(&self.conn);
        self.log_is(state)
    }

    /// Goes on with a log that a reader held up, if the reader has gone.
    fn look_at_the_log(&mut self, idle: bool) -> Result<(), Stopped> {
        let state = self.checkpointer.every_second(&self.conn, idle);
        self.log_is(state)
    }

    fn log_is(&mut self, state: rusqlite::Result<LogState>) -> Result<(), Stopped> {
        let noted = state.and_then(|state| match state {
            LogState::Moved => {
                self.files.moved(&self.conn)?;
                note_moved(&self.conn, &self.memory, &mut self.progress)
            }
            LogState::Growing => Ok(()),
        });
        noted.or_else(|error| {
            tracing::warn!(%error, "the ledger's write-ahead log could not be moved");
            self.judge(&error)
        })
    }

    /// Closes the file so that the next process has nothing to recover.
    fn end(self) -> bool {
        let Self {
            mut conn,
            mut progress,
            memory,
            clock,
            checkpointer,
            ..
        } = self;
        drop(checkpointer);
        let ended = recover::release_claimed(&mut conn, clock.now())
            .and_then(|()| kept_time::keep(&conn, &clock.reading()))
            .and_then(|()| open::checkpoint(&conn))
            .and_then(|moved| match moved {
                true => note_moved(&conn, &memory, &mut progress),
                false => Ok(()),
            });
        progress.sync();
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

/// Notes that the whole log has been moved into the file.
fn note_moved(
    conn: &Connection,
    memory: &Memory,
    progress: &mut ProgressFile,
) -> rusqlite::Result<()> {
    if let Some(commits) = memory.counters.commits() {
        progress.moved(lineage::moved(conn, commits)?);
    }
    Ok(())
}
