//! Moving the write-ahead log into the file, beside the writer.
//!
//! A checkpoint writes and syncs many pages, which takes tens of milliseconds; done by
//! the writer it would hold up every acknowledgement meanwhile. So a thread of its own
//! does nearly all of it, on a connection of its own, while commits go on. The log can
//! be used anew only when nothing of it is left to be moved; the few pages that were
//! written meanwhile the writer moves itself, between two commits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, Result};

use super::error::{At, Fault, OpenError, fault};
use super::open;
use super::options::FatalHook;
use tollgate_base::failpoint::{self, Failpoint};

/// At how many pages the log is moved: 32 MB. Pages that are written over and over
/// are then moved once.
const DUE: i64 = 4096;

/// How many pages may be left for the writer to move: a few commits' worth.
const REST: i64 = 256;

/// How often the thread goes over what was written meanwhile, before it leaves the
/// rest to the writer however much it is.
const ROUNDS: usize = 4;

/// The thread that moves the log, owned by the writer; ended when it is dropped.
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Pages in the log at which the next checkpoint is due.
    due: i64,
}

#[derive(Default)]
struct Shared {
    wish: Mutex<Wish>,
    wished: Condvar,
    /// Whether the writer is to move what is left.
    finish: AtomicBool,
}

#[derive(Default)]
struct Wish {
    /// A checkpoint is asked for or under way.
    busy: bool,
    end: bool,
}

impl Checkpointer {
    pub(super) fn start(path: &Path, fatal: FatalHook) -> std::result::Result<Self, OpenError> {
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

    /// Called by the writer after each commit, on its connection.
    pub(super) fn after_commit(&mut self, conn: &Connection) -> Result<()> {
        if self.shared.finish.swap(false, Ordering::AcqRel) {
            let (log, _) = pages(conn, "PRAGMA wal_checkpoint(PASSIVE)")?;
            // A reader may keep the log from being used anew: the next try comes when
            // it has grown some more.
            self.due = log + DUE / 4;
            self.shared.wish.lock().busy = false;
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
        let mut wish = self.shared.wish.lock();
        if !wish.busy {
            wish.busy = true;
            self.shared.wished.notify_one();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.wish.lock().end = true;
        self.shared.wished.notify_one();
        if let Some(thread) = self.thread.take() {
            // It does not panic; were it to, there would be nothing left to end.
            let _ = thread.join();
        }
    }
}

fn work(conn: &Connection, shared: &Shared, fatal: &FatalHook) {
    loop {
        {
            let mut wish = shared.wish.lock();
            while !wish.end && (!wish.busy || shared.finish.load(Ordering::Acquire)) {
                shared.wished.wait(&mut wish);
            }
            if wish.end {
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

/// Moves what is in the log until little is left.
fn move_most(conn: &Connection, shared: &Shared) -> Result<()> {
    for _ in 0..ROUNDS {
        pages(conn, "PRAGMA wal_checkpoint(PASSIVE)")?;
        let (log, moved) = pages(conn, "PRAGMA wal_checkpoint(NOOP)")?;
        if log - moved <= REST || shared.wish.lock().end {
            break;
        }
    }
    Ok(())
}

/// Runs a checkpoint; returns how many pages the log has and how many of these have
/// been moved.
fn pages(conn: &Connection, checkpoint: &str) -> Result<(i64, i64)> {
    failpoint::reach(Failpoint::Checkpoint);
    conn.prepare_cached(checkpoint)?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
