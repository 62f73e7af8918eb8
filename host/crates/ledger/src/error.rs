//! The ledger's errors.

use std::sync::Arc;

/// The reasons why the ledger did not carry out a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Too many writes wait.
    #[error("the ledger's queue of writes is full")]
    Busy,
    /// The write failed (disk full, read-only file): nothing was committed.
    #[error("the ledger cannot be written: {0}")]
    Unavailable(Arc<str>),
    /// A read failed, or found a value that no version of the gateway writes.
    #[error("the ledger cannot be read: {0}")]
    Unreadable(Arc<str>),
    /// The ledger is closed.
    #[error("the ledger is closed")]
    Closed,
}

/// The reasons why a page of a list cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A cursor is not of this list, or the engine does not keep it any more.
    #[error("the cursor is not of this list, or no longer kept: begin the list anew")]
    InvalidCursor,
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
