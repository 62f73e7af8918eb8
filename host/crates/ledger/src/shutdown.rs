//! The end of a ledger's work in this process.

/// Ends a ledger in order.
pub trait Shutdown: Send + Sync + 'static {
    /// Writes what is queued, answers all callers, and leaves the ledger as a clean end does.
    /// Later writes are answered [`LedgerError::Closed`](super::LedgerError::Closed). The next
    /// start counts no attempt for a delivery that runs now.
    fn close(&self);
}
