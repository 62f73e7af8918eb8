//! Deliveries on their way: found when they may run, completed when they have run.

use super::{Completed, Completion, Delivery, DeliverySeq, LedgerError, OrderKey, Rank, Turn};
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::time::SteadyTime;

/// Hands deliveries out and commits how their attempts ended.
pub trait Deliveries: Send + Sync + 'static {
    /// Commits the end of one attempt: its record, the delivery's next state and
    /// the effects, in one transaction, after checking that what the handler read
    /// still stands. A delivery that became `held` while it ran completes like any other,
    /// except that it stays held where it would have to be tried again; one that has
    /// already ended does not change. Blocks while the queue of writes is full; `then` is
    /// called once, on a thread of the ledger's, after the sink has been given what follows
    /// from the commit (or, when the ledger is closed, on the caller's). It must be short
    /// and must not call the ledger.
    fn complete(&self, completion: Completion, then: CompletionCallback);

    /// Deliveries of `handler` that are `pending`, stand behind no other one of their key, and
    /// were recorded after `after`, in the order of arrival, `limit` at most and of about
    /// `max_bytes` of payload (always at least one).
    fn pending(
        &self,
        handler: &HandlerName,
        after: DeliverySeq,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<Delivery>, LedgerError>;

    /// Deliveries of `handler` that are not in `except`, `limit` at most: those whose turn
    /// has come since they arrived, then those that are `retrying` and due at `now`,
    /// earliest first. (By handler, so that the many due deliveries of
    /// one that is busy do not hide those of the others.)
    fn due(
        &self,
        handler: &HandlerName,
        now: SteadyTime,
        limit: usize,
        except: &dyn Fn(DeliverySeq) -> bool,
    ) -> Result<Vec<Delivery>, LedgerError>;

    /// When the next delivery that [`Deliveries::due`] finds is due.
    fn next_due(
        &self,
        handler: &HandlerName,
        except: &dyn Fn(DeliverySeq) -> bool,
    ) -> Result<Option<SteadyTime>, LedgerError>;

    /// The newest fact that a `done` delivery of this key told of.
    fn newest(&self, key: &OrderKey) -> Result<Option<Rank>, LedgerError>;

    /// Makes `held` what is due for handlers other than `present`, and `pending`
    /// again what was held for those that are. Returns (held, released); blocks until
    /// it is durable.
    fn hold_absent(&self, present: &[HandlerName]) -> Result<(u64, u64), LedgerError>;

    /// Notes, so that it outlives the end of this process but not of the machine,
    /// that `delivery` is under way on guest thread `slot`; `None` when it has ended.
    /// Costs about a microsecond. After an unclean end, opening the ledger counts
    /// an attempt for each delivery that was under way.
    fn note_running(&self, slot: usize, delivery: Option<DeliverySeq>);

    /// Durably notes that `delivery` is about to run alone, because it was under way
    /// at several unclean ends. Blocks until it is durable.
    fn claim(&self, delivery: DeliverySeq) -> Result<(), LedgerError>;

    /// Makes a delivery `dead` without another attempt, because those it had were used up
    /// by unclean ends. Blocks until it is durable.
    fn give_up(&self, delivery: DeliverySeq, turn: Turn) -> Result<(), LedgerError>;

    /// Lets the deliveries go on that stand behind dead ones of these handlers, which hold
    /// their keys no longer. Returns how many dead ones did; blocks until it is durable.
    fn let_pass(&self, handlers: &[HandlerName]) -> Result<u64, LedgerError>;

    /// Makes due now, or again, the deliveries of `handler` whose last attempt broke down
    /// (a trap, a timeout, a limit) on `component` and that wait for another one or are
    /// dead; what they went through on it does not count. Returns how many. Blocks until
    /// it is durable. Asking again changes nothing.
    fn excuse(&self, handler: &HandlerName, component: ComponentDigest)
    -> Result<u64, LedgerError>;
}

/// Called when a completion is durable, or cannot be.
pub type CompletionCallback = Box<dyn FnOnce(Result<Completed, LedgerError>) + Send>;
