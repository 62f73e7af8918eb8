//! Opening a ledger by its URL: the one place that names the engines.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sqlite::{self, SqliteLedger, SqliteOptions, SqliteReader};
use super::{BackedUp, Ledger, LedgerSink, ReadLedger, Restored, Verified};
use tollgate_base::time::{SteadyClock, WallTime};

/// Where a ledger is, and which engine keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerUrl {
    /// `sqlite:PATH`: the database file.
    Sqlite(PathBuf),
}

/// The reasons why a ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The SQLite engine refuses.
    #[error(transparent)]
    Sqlite(#[from] sqlite::OpenError),
}

/// Why a ledger was not copied, checked or restored.
#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    /// The SQLite engine did not do it.
    #[error(transparent)]
    Sqlite(#[from] sqlite::MaintainError),
}

/// Opens a ledger to serve: brings its schema up to date and counts an attempt for each
/// delivery that was under way at an unclean end. `sink` receives the work that commits make
/// due.
pub fn open(
    url: &LedgerUrl,
    clock: Arc<SteadyClock>,
    sink: Arc<dyn LedgerSink>,
) -> Result<Arc<dyn Ledger>, OpenError> {
    match url {
        LedgerUrl::Sqlite(path) => {
            let ledger = SqliteLedger::open(SqliteOptions::new(path), clock, sink)?;
            Ok(Arc::new(ledger))
        }
    }
}

/// Opens a ledger for reading. Changes nothing in it, and works with or without a gateway
/// that serves it.
pub fn open_to_read(url: &LedgerUrl) -> Result<Arc<dyn ReadLedger>, OpenError> {
    match url {
        LedgerUrl::Sqlite(path) => Ok(Arc::new(SqliteReader::open(path)?)),
    }
}

/// Copies a ledger as it is at one moment into the new file `target`. A gateway may run on the
/// ledger. The copy is checked and synced. It appears at `target` when it is whole.
pub fn backup(url: &LedgerUrl, target: &Path) -> Result<BackedUp, MaintainError> {
    match url {
        LedgerUrl::Sqlite(path) => Ok(sqlite::backup(path, target)?),
    }
}

/// Puts a copy of the backup in the file `from` in the ledger's place, and moves the old files
/// aside. With `hold`, no delivery and no request starts until an operator releases them. Refuses
/// while a gateway runs on the ledger.
pub fn restore(
    url: &LedgerUrl,
    from: &Path,
    hold: bool,
    now: WallTime,
) -> Result<Restored, MaintainError> {
    match url {
        LedgerUrl::Sqlite(path) => Ok(sqlite::restore(path, from, hold, now)?),
    }
}

/// Checks a ledger. Changes nothing, and works with or without a gateway that serves it.
pub fn verify(url: &LedgerUrl) -> Result<Verified, MaintainError> {
    match url {
        LedgerUrl::Sqlite(path) => Ok(sqlite::verify(path)?),
    }
}
