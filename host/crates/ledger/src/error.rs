//! Reasons why the ledger refuses.

use std::sync::Arc;

/// Why the ledger did not do what a caller asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Too many writes wait.
    #[error("the ledger's queue of writes is full")]
    Busy,
    /// The write failed (disk full, read-only file): nothing of it was committed.
    #[error("the ledger cannot be written: {0}")]
    Unavailable(Arc<str>),
    /// A read failed, or found what no version of the gateway writes.
    #[error("the ledger cannot be read: {0}")]
    Unreadable(Arc<str>),
    /// The ledger has been closed.
    #[error("the ledger is closed")]
    Closed,
}

/// Why a page of a list could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A cursor is not of this list, or the engine does not keep it any more.
    #[error("the cursor is not of this list, or no longer kept: begin the list anew")]
    InvalidCursor,
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
