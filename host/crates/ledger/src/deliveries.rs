//! Deliveries on their way: claims and completions.

use super::lease::Leasable;
use super::{
    Completed, Completion, Delivery, DeliveryId, Exchange, Lease, LedgerError, OrderEffect,
    OrderKey, Rank,
};
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::time::SteadyTime;

/// Hands deliveries out under [leases](super::lease) and commits the ends of their attempts.
pub trait Deliveries: Send + Sync + 'static {
    /// Registers the handlers that this gateway serves, in place of those that it registered
    /// before. Deliveries of handlers that no gateway serves become `held`, and held deliveries
    /// of handlers that a gateway serves become `pending`. Blocks until that is durable.
    ///
    /// An engine for many gateways lets a registration end with its gateway, some time after
    /// the gateway was last heard of.
    fn serve(&self, handlers: &[HandlerName]) -> Result<Served, LedgerError>;

    /// Leases deliveries of `handler` that may run at `now` and that nobody holds: `limit` at
    /// most, and about `max_bytes` of payload, but at least one if there is one.
    ///
    /// Deliveries that became due come first: those that stood behind others of their order
    /// key, then retries by their due times. New deliveries follow in the order of arrival.
    /// Where more of both kinds wait than `limit` lets through, each kind gets half of it, so
    /// that neither keeps the other waiting.
    ///
    /// A claim is for one handler, so that many due deliveries of a busy handler do not hide the
    /// deliveries of others.
    fn claim(
        &self,
        handler: &HandlerName,
        now: SteadyTime,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Claimed, LedgerError>;

    /// Notes that the run of a leased delivery starts. The note outlives the end of this
    /// process, though not always that of the machine: after an unclean end the engine counts
    /// an attempt for each delivery that was started and not stopped. Costs about a
    /// microsecond.
    fn started(&self, lease: &Lease<DeliveryId>);

    /// Notes that the run of a leased delivery has ended.
    fn stopped(&self, lease: &Lease<DeliveryId>);

    /// Durably notes that a leased delivery is about to run alone, because it was under way
    /// at several unclean ends. Blocks until that is durable.
    fn start_alone(&self, lease: &Lease<DeliveryId>) -> Result<(), LedgerError>;

    /// Commits the end of one attempt under its lease: the attempt's record, the delivery's next
    /// state and the effects, in one transaction. First checks that the values that the handler
    /// read have not changed. The lease ends with a commit, and with the answer that the delivery
    /// does not wait for the attempt.
    ///
    /// A delivery that became `held` during its run completes like any other. If the delivery
    /// would have to be tried again, it stays `held`. A delivery that has ended does not change.
    ///
    /// Blocks while the queue of writes is full. Calls `then` once, on a thread of the
    /// ledger's, after the sink has received the work that follows from the commit; on the
    /// caller's thread when the ledger is closed. `then` must be short and must not call the
    /// ledger.
    fn complete_then(&self, completion: Completion, then: CompletionCallback);

    /// Makes a leased delivery `dead` without another attempt, because unclean ends used up the
    /// attempts that it had. Blocks until that is durable. Does nothing if the lease is not in
    /// force.
    fn give_up(&self, lease: &Lease<DeliveryId>, order: OrderEffect) -> Result<(), LedgerError>;

    /// The rank of the newest fact that a `done` delivery of this order key handled.
    fn newest(&self, key: &OrderKey) -> Result<Option<Rank>, LedgerError>;

    /// The immediate requests of the last attempt of a delivery's run, with their answers.
    fn exchanges(&self, delivery: DeliveryId, run: u32) -> Result<Vec<Exchange>, LedgerError>;

    /// Releases the order keys that dead deliveries of these handlers block, so that the
    /// deliveries behind the dead ones may run. Returns the number of dead deliveries that
    /// blocked a key. Blocks until that is durable.
    fn release_order_keys(&self, handlers: &[HandlerName]) -> Result<u64, LedgerError>;

    /// Makes deliveries of `handler` due now whose last attempt broke down (a trap, a timeout, a
    /// limit) on `component`, and that wait for a retry or are dead. Attempts on `component` do
    /// not count any more. Returns the number of these deliveries. A second call changes
    /// nothing. Blocks until that is durable.
    fn retry_uncounted(
        &self,
        handler: &HandlerName,
        component: ComponentDigest,
    ) -> Result<u64, LedgerError>;
}

impl Leasable for DeliveryId {}

/// A delivery that this gateway may run.
#[derive(Debug)]
pub struct LeasedDelivery {
    /// The delivery.
    pub delivery: Delivery,
    /// The right to run it.
    pub lease: Lease<DeliveryId>,
}

/// The answer to a claim.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The deliveries that were leased, in the order in which they should run.
    pub leased: Vec<LeasedDelivery>,
    /// Whether more deliveries may run now than the claim could take.
    pub more: bool,
    /// When the next retry that is not due yet will be due; `None` if there is more.
    pub next: Option<SteadyTime>,
}

/// The answer to a registration of handlers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Served {
    /// Deliveries that became `held`.
    pub held: u64,
    /// Held deliveries that became `pending`.
    pub resumed: u64,
}

/// The function that gets the result of a completion.
pub type CompletionCallback = Box<dyn FnOnce(Result<Completed, LedgerError>) + Send>;
