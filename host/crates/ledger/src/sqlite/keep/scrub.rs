//! Cleaning the files of bytes that were overwritten.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rusqlite::{Error, ErrorCode, Result};

use crate::sqlite::open;

/// How often the cleaning is tried while readers hinder it.
const TRIES: u32 = 100;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Cleans the files of one ledger.
pub(crate) struct Scrubber {
    path: PathBuf,
}

impl Scrubber {
    /// Cleans the files of the ledger at `path`.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Cleans the files, and waits for readers that hinder it; returns whether it could.
    pub(crate) fn scrub_soon(&self) -> bool {
        (0..TRIES).any(|_| {
            let clean = self.scrub();
            if !clean {
                thread::sleep(PAUSE);
            }
            clean
        })
    }

    /// Cleans the files unless somebody reads now; returns whether it could.
    pub(crate) fn scrub(&self) -> bool {
        self.try_scrub().unwrap_or_else(|error| {
            tracing::warn!(%error, "the ledger's files could not be cleaned of erased data");
            false
        })
    }

    /// Empties the write-ahead log, so that neither the log nor the file holds bytes that were
    /// overwritten. Nearly all of the work is done without holding up commits.
    fn try_scrub(&self) -> Result<bool> {
        let conn = open::checkpointing(&self.path)?;
        conn.busy_timeout(Duration::ZERO)?;
        let run = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
        run("PRAGMA wal_checkpoint(PASSIVE)")?;
        match run("PRAGMA wal_checkpoint(TRUNCATE)") {
            Ok(busy) => Ok(busy == 0),
            Err(Error::SqliteFailure(cause, _)) if cause.code == ErrorCode::DatabaseBusy => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
