//! Where the ledger announces new work.

use super::{LeasedDelivery, LeasedRequest};
use tollgate_base::time::WallTime;

/// Receives, after each commit and in commit order, the work that the commit made due.
///
/// The ledger's writer thread calls it: a method must be short, must not block and must not
/// call the ledger. A receiver can read from the ledger later what it cannot take now.
pub trait LedgerSink: Send + Sync + 'static {
    /// New deliveries that may run, in the order of arrival, leased to this gateway. A receiver
    /// drops those that it does not take: a later claim finds them.
    fn recorded(&self, deliveries: Vec<LeasedDelivery>);

    /// Deliveries that stood behind others of their order key and may run now, leased to this
    /// gateway. A receiver drops those that it does not take.
    fn released(&self, deliveries: Vec<LeasedDelivery>);

    /// Outbox requests that may go, leased to this gateway: new ones, requests that stood behind
    /// others of their order key, and requests that an operator requeued. They come in the order
    /// of their commits. A receiver drops those that it does not take: a later claim finds them.
    fn queued(&self, requests: Vec<LeasedRequest>);

    /// A handler scheduled events; the earliest is due then. A receiver need not act:
    /// [`ScheduleStore::due`](super::ScheduleStore::due) tells the same.
    fn scheduled(&self, due: WallTime) {
        let _ = due;
    }

    /// Events began to wait for their objects, or may be asked for earlier than before. A receiver
    /// need not act: [`ResolutionStore::claim_resolutions`](super::ResolutionStore) finds them.
    fn unresolved(&self) {}
}
