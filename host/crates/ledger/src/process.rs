//! Marks that a process leaves about itself.

use super::LedgerError;

/// Keeps what the next process on this ledger must know about this one.
pub trait ProcessMarks: Send + Sync + 'static {
    /// Writes down how due times stand to the time of day, which has been set: the next
    /// process on this ledger goes on from there.
    fn keep_time(&self) -> Result<(), LedgerError>;

    /// Writes what is queued, answers everybody, and leaves the ledger as a clean end does.
    /// Later writes are answered [`LedgerError::Closed`]. A delivery that is under way then is
    /// not counted as an attempt by the next start.
    fn close(&self);
}
