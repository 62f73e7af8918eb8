//! The end of a ledger's work in this process.

/// Ends a ledger in order.
pub trait Shutdown: Send + Sync + 'static {
    /// Writes the queued operations, answers all callers, and closes the ledger cleanly.
    /// Later writes are answered [`LedgerError::Closed`](super::LedgerError::Closed). The next
    /// start counts no attempt for a delivery that runs now.
    fn close(&self);
}
