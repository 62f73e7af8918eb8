//! Outbox requests on their way: read when they wait, settled when they were tried.

use super::{LedgerError, OutboxEntry, OutboxRequest, OutboxSeq, OutboxState, Settlement};

/// Hands outbox requests out and commits how their tries ended.
pub trait OutboxStore: Send + Sync + 'static {
    /// Commits what became of an outbox request that was tried, with the event that tells
    /// its handler. One that was cancelled meanwhile is sent all the same if that is what
    /// became of it. Blocks while the queue of writes is full; `then` as in
    /// [`Deliveries::complete_then`](super::Deliveries::complete_then).
    fn settle(&self, settlement: Settlement, then: SettlementCallback);

    /// Requests that wait in the outbox, in the order of their commits, that were
    /// queued after `after`, `limit` at most and of about `max_bytes` (always at
    /// least one). Their `due` may lie ahead.
    fn outbox_waiting(
        &self,
        after: OutboxSeq,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRequest>, LedgerError>;

    /// Requests in the outbox, newest first.
    fn outbox_list(
        &self,
        state: Option<OutboxState>,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, LedgerError>;

    /// The request in this place.
    fn outbox_request(&self, seq: OutboxSeq) -> Result<Option<OutboxRequest>, LedgerError>;
}

/// Called when a settlement is durable, or cannot be.
pub type SettlementCallback = Box<dyn FnOnce(Result<(), LedgerError>) + Send>;
