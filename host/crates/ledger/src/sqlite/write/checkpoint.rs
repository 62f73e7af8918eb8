//! Moving the write-ahead log into the file, beside the writer.
//!
//! A checkpoint writes and syncs many pages, which takes tens of milliseconds. If the writer did
//! it, every acknowledgement would wait. So another thread does nearly all of it, on a connection
//! of its own, while commits go on. The log can be used anew only when all of it has been moved.
//! The writer moves the few pages that were written meanwhile, between two commits.
//!
//! A reader in another process that reads one state for long keeps the log from being used anew,
//! and the log grows with every commit. The [gauge](super::log_gauge) tells, so that somebody ends
//! the reader before the disk is full.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, Result};

use super::log_gauge::LogGauge;
use crate::sqlite::error::{At, Fault, OpenError, fault};
use crate::sqlite::open;
use crate::sqlite::options::FatalHook;
use crate::sqlite::progress;
use tollgate_base::failpoint::{self, Failpoint};

/// The number of pages at which the log is moved: 32 MB. A page that is written many times
/// until then is moved once.
const DUE: i64 = 4096;

/// The number of pages that may be left for the writer to move: those of a few commits.
const REST: i64 = 256;

/// The number of pages at which a log that somebody reads is told of: 96 MB.
const HELD_UP: i64 = 3 * DUE;

/// How often the thread moves pages that were written meanwhile, before it leaves the rest to
/// the writer, however many pages that are.
const ROUNDS: usize = 4;

/// The thread that moves the log. The writer owns it; dropping it ends the thread.
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The number of pages in the log at which the next checkpoint is due.
    due: i64,
    /// The number of pages in the log when all of them had been moved. If the log goes on from
    /// there, somebody reads it.
    moved_at: Option<i64>,
    /// Whether a reader keeps the log from being used anew.
    held_up: bool,
    gauge: Arc<LogGauge>,
}

/// What has become of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogState {
    /// The log has pages that are not in the file.
    Growing,
    /// All of the log is in the file, synced.
    Moved,
}

/// The log's pages.
#[derive(Clone, Copy)]
struct Pages {
    /// How many there are.
    log: i64,
    /// How many of them have been moved into the file.
    moved: i64,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Signals the thread that `state` has changed.
    changed: Condvar,
    /// Whether the writer is to move the rest.
    finish: AtomicBool,
}

#[derive(Default)]
struct State {
    /// A checkpoint is asked for or under way.
    busy: bool,
    /// The thread must end.
    end: bool,
}

impl Checkpointer {
    /// Starts the thread for the ledger at `path`.
    /// The thread also syncs the file of the [progress](crate::sqlite::progress).
    pub(crate) fn start(
        path: &Path,
        progress: Arc<File>,
        gauge: Arc<LogGauge>,
        fatal: FatalHook,
    ) -> std::result::Result<Self, OpenError> {
        let conn = open::checkpointing(path).at(path)?;
        let shared = Arc::<Shared>::default();
        let thread = thread::Builder::new()
            .name("checkpoint".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || work(&conn, &shared, &progress, &fatal)
            })
            .map_err(|source| open::file_error(path, source))?;
        Ok(Self {
            shared,
            thread: Some(thread),
            due: DUE,
            moved_at: None,
            held_up: false,
            gauge,
        })
    }

    /// Does the writer's part, on the writer's connection. To be called after each commit.
    pub(crate) fn after_commit(&mut self, conn: &Connection) -> Result<LogState> {
        let state = self.finish(conn)?;
        if let Some(Pages { log, .. }) = pages(conn, "PRAGMA wal_checkpoint(NOOP)")? {
            self.look(log);
        }
        Ok(state)
    }

    /// Moves the few pages that the thread has left, if it has done its part.
    fn finish(&mut self, conn: &Connection) -> Result<LogState> {
        let mut state = LogState::Growing;
        if !self.shared.finish.swap(false, Ordering::AcqRel) {
            return Ok(state);
        }
        let pages = pages(conn, "PRAGMA wal_checkpoint(PASSIVE)");
        // A failure, such as a full disk, is no reason never to ask the thread again.
        self.shared.state.lock().busy = false;
        if let Some(Pages { log, moved }) = pages? {
            self.moved_at = (moved == log).then_some(log);
            // Nobody else writes now: only a reader can hinder.
            self.held_up = moved < log;
            // Then the next try comes when the log has grown some more.
            self.due = log + DUE / 4;
            if moved == log {
                state = LogState::Moved;
            }
        }
        Ok(state)
    }

    /// Looks whether a reader that held the log up has gone. To be called about every second, also
    /// while nothing is written (`idle`): then a log that is moved is emptied as well.
    pub(crate) fn every_second(&mut self, conn: &Connection, idle: bool) -> Result<LogState> {
        let state = self.finish(conn)?;
        if self.moved_at.is_some() {
            if idle && open::try_checkpoint(conn)? {
                self.look(0);
                return Ok(LogState::Moved);
            }
        } else if self.held_up {
            self.ask();
        }
        Ok(state)
    }

    /// Compares the number of pages in the log with what it should be.
    fn look(&mut self, log: i64) {
        if log < DUE {
            (self.due, self.moved_at, self.held_up) = (DUE, None, false);
        } else if log >= self.due {
            self.ask();
        }
        if self.moved_at.is_some_and(|at| log > at) {
            (self.held_up, self.moved_at) = (true, None);
        }
        self.gauge.set(log, self.held_up && log >= HELD_UP);
    }

    fn ask(&self) {
        let mut state = self.shared.state.lock();
        if !state.busy {
            state.busy = true;
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.state.lock().end = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread does not panic. If it did, there would be nothing left to end.
            let _ = thread.join();
        }
    }
}

fn work(conn: &Connection, shared: &Shared, progress: &File, fatal: &FatalHook) {
    loop {
        {
            let mut state = shared.state.lock();
            while !state.end && (!state.busy || shared.finish.load(Ordering::Acquire)) {
                shared.changed.wait(&mut state);
            }
            if state.end {
                return;
            }
        }
        if let Err(error) = move_most(conn, shared) {
            tracing::warn!(%error, "the ledger's write-ahead log could not be moved");
            if fault(&error) == Fault::Fatal {
                fatal(&format!("the ledger's file failed: {error}"));
                return;
            }
        }
        progress::sync(progress);
        shared.finish.store(true, Ordering::Release);
    }
}

/// Moves the log's pages until few are left.
fn move_most(conn: &Connection, shared: &Shared) -> Result<()> {
    for _ in 0..ROUNDS {
        pages(conn, "PRAGMA wal_checkpoint(PASSIVE)")?;
        let pages = pages(conn, "PRAGMA wal_checkpoint(NOOP)")?;
        let few = pages.is_none_or(|pages| pages.log - pages.moved <= REST);
        if few || shared.state.lock().end {
            break;
        }
    }
    Ok(())
}

/// Runs a checkpoint; returns the log's pages, or `None` while another checkpoint runs.
fn pages(conn: &Connection, checkpoint: &str) -> Result<Option<Pages>> {
    failpoint::reach(Failpoint::Checkpoint);
    conn.prepare_cached(checkpoint)?.query_row([], |row| {
        let busy = row.get::<_, i64>(0)? != 0;
        let (log, moved) = (row.get(1)?, row.get(2)?);
        Ok((!busy && log >= 0).then_some(Pages { log, moved }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits until the thread has done its part.
    #[track_caller]
    fn moves(moving: &Checkpointer) {
        for _ in 0..30_000 {
            if moving.shared.finish.load(Ordering::Acquire) {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("the thread is not asked");
    }

    #[test]
    fn a_failure_of_the_writers_part_is_not_the_end_of_moving() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let conn = Connection::open(&path).unwrap();
        conn.pragma_update(None, "journal_mode", "wal").unwrap();
        let progress = Arc::new(File::create(folder.path().join("progress")).unwrap());
        let fatal: FatalHook = Arc::new(|why| panic!("{why}"));
        let mut moving = Checkpointer::start(&path, progress, Arc::default(), fatal).unwrap();
        moving.ask();
        moves(&moving);
        let other = folder.path().join("text");
        std::fs::write(&other, "no database".repeat(100)).unwrap();
        let broken = Connection::open(&other).unwrap();
        assert!(moving.after_commit(&broken).is_err());
        // The thread is asked again, and the writer's part comes again.
        moving.ask();
        moves(&moving);
        assert_eq!(moving.after_commit(&conn).unwrap(), LogState::Moved);
    }
}
