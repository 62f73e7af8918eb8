//! Opening a ledger by its URL: the one place that names the engines.

use std::path::PathBuf;
use std::sync::Arc;

use super::sqlite::{self, SqliteLedger, SqliteOptions, SqliteReader};
use super::{Ledger, LedgerSink, ReadLedger};
use tollgate_base::time::SteadyClock;

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
