//! Leases: who works on a delivery or on a request.
//!
//! Several gateways may serve one ledger, and each holds a part of the work in memory. The
//! ledger says which gateway works on an item by giving the gateway a lease. An engine
//! guarantees:
//!
//! - At most one lease of an item is in force at any time.
//! - Leases of one item have rising [tokens](Token). A write that names a lease which is not in
//!   force commits nothing, and the answer says so: a gateway that was cut off for a while and
//!   comes back cannot write over the work of another gateway.
//! - A lease that comes with a commit (through the [`LedgerSink`](super::LedgerSink)) is in
//!   force when the commit can be read.
//! - A lease ends when it is dropped, or when a write under it ends the work on the item. The
//!   next claim of the same gateway that begins after that finds the item, if it is still to be
//!   worked on. After a drop, other gateways may find the item some milliseconds later.
//! - The leases of a gateway that is gone end. An engine for many gateways gives each lease an
//!   expiry by the clock of the database, and prolongs the leases of a live process by itself.
//!   After the expiry any gateway may claim the item. An engine whose ledger is open in one
//!   process at a time keeps leases in the memory of that process, where they need no expiry.

use std::hash::Hash;
use std::sync::Arc;

/// The fencing token of a lease: higher than the tokens of all earlier leases of the item.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Token(pub u64);

/// An id that leases are given for.
pub trait Leasable: Copy + Eq + Hash + Send + Sync + 'static {}

/// Where a lease ends when it is dropped.
pub trait LeaseRegistry<I: Leasable>: Send + Sync + 'static {
    /// Ends the lease of `item` with this token, if it is still in force. Must not block.
    fn give_back(&self, item: I, token: Token);
}

/// The right of this gateway to work on one item, until the lease is dropped.
///
/// Dropping is always right: it gives back an item that does not fit into memory, and does
/// nothing where the work on the item has ended.
pub struct Lease<I: Leasable> {
    item: I,
    token: Token,
    registry: Arc<dyn LeaseRegistry<I>>,
}

impl<I: Leasable> Lease<I> {
    /// A lease that an engine gives.
    pub fn new(item: I, token: Token, registry: Arc<dyn LeaseRegistry<I>>) -> Self {
        Self {
            item,
            token,
            registry,
        }
    }

    /// The item.
    pub fn item(&self) -> I {
        self.item
    }

    /// The token. Writes under the lease name it.
    pub fn token(&self) -> Token {
        self.token
    }
}

impl<I: Leasable> Drop for Lease<I> {
    fn drop(&mut self) {
        self.registry.give_back(self.item, self.token);
    }
}

impl<I: Leasable + std::fmt::Debug> std::fmt::Debug for Lease<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lease")
            .field(&self.item)
            .field(&self.token.0)
            .finish()
    }
}
