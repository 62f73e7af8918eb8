//! Moving the write-ahead log into the file, beside the writer.
//!
//! A checkpoint writes and syncs many pages, which takes tens of milliseconds. If the writer did
//! it, every acknowledgement would wait. So another thread does nearly all of it, on a connection
//! of its own, while commits go on. The log can be used anew only when all of it has been moved.
//! The writer moves the few pages that were written meanwhile, between two commits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, Result};

use crate::sqlite::error::{At, Fault, OpenError, fault};
use crate::sqlite::open;
use crate::sqlite::options::FatalHook;
use tollgate_base::failpoint::{self, Failpoint};

/// The number of pages at which the log is moved: 32 MB. A page that is written many times
/// until then is moved once.
const DUE: i64 = 4096;

/// The number of pages that may be left for the writer to move: those of a few commits.
const REST: i64 = 256;

/// How often the thread moves pages that were written meanwhile, before it leaves the rest to
/// the writer, however many pages that are.
const ROUNDS: usize = 4;

/// The thread that moves the log. The writer owns it; dropping it ends the thread.
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The number of pages in the log at which the next checkpoint is due.
    due: i64,
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
    pub(crate) fn start(path: &Path, fatal: FatalHook) -> std::result::Result<Self, OpenError> {
        let conn = open::checkpointing(path).at(path)?;
        let shared = Arc::<Shared>::default();
        let thread = thread::Builder::new()
            .name("checkpoint".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || work(&conn, &shared, &fatal)
            })
            .map_err(|source| open::file_error(path, source))?;
        Ok(Self {
            shared,
            thread: Some(thread),
            due: DUE,
        })
    }

    /// Does the writer's part, on the writer's connection. To be called after each commit.
    pub(crate) fn after_commit(&mut self, conn: &Connection) -> Result<()> {
        if self.shared.finish.swap(false, Ordering::AcqRel) {
            let (log, _) = pages(conn, "PRAGMA wal_checkpoint(PASSIVE)")?;
            // A reader may keep the log from being used anew. Then the next try comes when
            // the log has grown some more.
            self.due = log + DUE / 4;
            self.shared.state.lock().busy = false;
        }
        let (log, _) = pages(conn, "PRAGMA wal_checkpoint(NOOP)")?;
        if log < DUE {
            self.due = DUE;
        } else if log >= self.due {
            self.ask();
        }
        Ok(())
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

fn work(conn: &Connection, shared: &Shared, fatal: &FatalHook) {
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
        shared.finish.store(true, Ordering::Release);
    }
}

/// Moves the log's pages until few are left.
fn move_most(conn: &Connection, shared: &Shared) -> Result<()> {
    for _ in 0..ROUNDS {
        pages(conn, "PRAGMA wal_checkpoint(PASSIVE)")?;
        let (log, moved) = pages(conn, "PRAGMA wal_checkpoint(NOOP)")?;
        if log - moved <= REST || shared.state.lock().end {
            break;
        }
    }
    Ok(())
}

/// Runs a checkpoint; returns how many pages the log has and how many of them have been moved.
fn pages(conn: &Connection, checkpoint: &str) -> Result<(i64, i64)> {
    failpoint::reach(Failpoint::Checkpoint);
    conn.prepare_cached(checkpoint)?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
