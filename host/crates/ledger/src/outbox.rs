//! Outbox requests on their way: claimed when it is their turn, settled when they were tried.

use super::lease::Leasable;
use super::{
    Lease, LedgerError, OutboxEntry, OutboxRequest, OutboxState, RequestHost, RequestId, Settlement,
};
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyTime;

/// Hands outbox requests out under [leases](super::lease) and commits how their tries ended.
///
/// Waiting requests of one handler with the same order key go one after another, in the order of
/// their commits. The ledger decides whose turn it is in the transactions that queue, settle,
/// requeue and cancel requests: it leases only the first request of each key. When that request
/// ends, the commit makes the next one the first, and hands it to the
/// [sink](super::LedgerSink::queued). An operator's cancel ends a request at once, also
/// during a try.
pub trait OutboxStore: Send + Sync + 'static {
    /// The hosts for which requests of `handler` wait, in any order: requests whose turn it is,
    /// whatever their due times, leased or not.
    fn waiting_hosts(&self, handler: &HandlerName) -> Result<Vec<RequestHost>, LedgerError>;

    /// Leases requests of `handler` to `host` whose turn it is, that are due at `now`, and that
    /// nobody holds: `limit` at most, and about `max_bytes`, but one in any case if there is one.
    /// Requests that were due first come first. Requests with the same due time come in the order
    /// of their commits.
    ///
    /// Takes one host of one handler, so that many requests to a slow host do not hide the
    /// requests to other hosts. The cost does not depend on how many requests wait.
    fn claim_requests(
        &self,
        handler: &HandlerName,
        host: &RequestHost,
        now: SteadyTime,
        limit: usize,
        max_bytes: usize,
    ) -> Result<ClaimedRequests, LedgerError>;

    /// Commits the end of a try under its lease, with the event that tells the handler about the
    /// answer. The lease ends with the answer, unless the answer is an error. If an operator
    /// cancelled the request during the try, the request becomes `sent` if its receiver accepted
    /// it, and stays dead otherwise. Blocks while the queue of writes is full; `then` as in
    /// [`Deliveries::complete_then`](super::Deliveries::complete_then).
    fn settle(&self, settlement: Settlement, then: SettlementCallback);

    /// Requests in the outbox, newest first.
    fn outbox_list(
        &self,
        state: Option<OutboxState>,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, LedgerError>;

    /// The request with this id.
    fn outbox_request(&self, id: RequestId) -> Result<Option<OutboxRequest>, LedgerError>;
}

impl Leasable for RequestId {}

/// A request that this gateway may send.
#[derive(Debug)]
pub struct LeasedRequest {
    /// The request.
    pub request: OutboxRequest,
    /// The right to send it.
    pub lease: Lease<RequestId>,
}

/// The answer to a claim of requests.
#[derive(Debug, Default)]
pub struct ClaimedRequests {
    /// The requests that were leased, in the order in which they should go.
    pub leased: Vec<LeasedRequest>,
    /// Whether more requests may go now than the claim could take.
    pub more: bool,
    /// When to claim again if nothing else happens: when the next request that nobody holds will be
    /// due, or, in an engine for many gateways, when another gateway's leases may end. Not known
    /// where there is more.
    pub next: Option<SteadyTime>,
}

/// The answer to a settlement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// The try is on record.
    Committed,
    /// The request had ended before the try did, because an operator cancelled it. Nothing
    /// changed.
    Stale,
    /// The lease is not in force. Nothing changed.
    LeaseLost,
}

/// Called when a settlement is durable, or cannot be.
pub type SettlementCallback = Box<dyn FnOnce(Result<Settled, LedgerError>) + Send>;
