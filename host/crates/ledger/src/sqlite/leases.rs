//! Leases in memory: one process has the file open, so no other process has to know the leases.
//!
//! A claim reads with a connection of its own, beside the writer. Two rules make its answer
//! right, whatever is committed meanwhile:
//!
//! - An item that a commit hands out is leased before the commit. So a read that finds the item
//!   finds its lease too.
//! - While a claim reads, an item whose lease ends counts as leased for that claim. The read
//!   may have found the item as it was before its work ended.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::lease::{Leasable, Lease, LeaseRegistry, Token};
use crate::{DeliveryId, RequestId, ResolutionId};

/// All leases of the ledger.
#[derive(Clone)]
pub(crate) struct LeaseBook {
    pub(super) deliveries: Arc<Leases<DeliveryId>>,
    pub(super) requests: Arc<Leases<RequestId>>,
    pub(super) resolutions: Arc<Leases<ResolutionId>>,
}

impl LeaseBook {
    /// Without a lease.
    pub(super) fn new() -> Self {
        Self {
            deliveries: Leases::new(),
            requests: Leases::new(),
            resolutions: Leases::new(),
        }
    }
}

/// The leases of one kind of items.
pub(crate) struct Leases<I: Leasable> {
    inner: Mutex<Inner<I>>,
    /// The registry that leases refer to.
    own: Weak<Self>,
}

struct Inner<I> {
    in_force: HashMap<I, Token>,
    last: u64,
    /// How many claims are reading.
    claims: usize,
    /// Items whose leases ended while a claim was reading.
    ended: HashSet<I>,
}

impl<I: Leasable> Leases<I> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            inner: Mutex::new(Inner {
                in_force: HashMap::new(),
                last: 0,
                claims: 0,
                ended: HashSet::new(),
            }),
            own: own.clone(),
        })
    }

    /// Leases items that a commit is about to hand out; `None` for an item that is leased: an
    /// earlier run of the item is still under way, and a later claim finds the item.
    pub(super) fn grant(&self, items: impl IntoIterator<Item = I>) -> Vec<Option<Lease<I>>> {
        let mut inner = self.inner.lock();
        items
            .into_iter()
            .map(|item| {
                let registry = self.own.upgrade()?;
                let free = !inner.in_force.contains_key(&item);
                let token = free.then(|| inner.grant(item))?;
                Some(Lease::new(item, token, registry))
            })
            .collect()
    }

    /// Whether this lease is in force.
    pub(super) fn is_in_force(&self, item: I, token: Token) -> bool {
        self.inner.lock().in_force.get(&item) == Some(&token)
    }

    /// Ends leases, after writes under them have ended the work.
    pub(super) fn end(&self, leases: impl IntoIterator<Item = (I, Token)>) {
        let mut inner = self.inner.lock();
        for (item, token) in leases {
            inner.end(item, token);
        }
    }

    /// Begins a claim, before anything is read for it.
    pub(super) fn begin_claim(&self) -> Claim<'_, I> {
        self.inner.lock().claims += 1;
        Claim { leases: self }
    }
}

impl<I: Leasable> LeaseRegistry<I> for Leases<I> {
    fn give_back(&self, item: I, token: Token) {
        self.inner.lock().end(item, token);
    }
}

impl<I: Leasable> Inner<I> {
    fn grant(&mut self, item: I) -> Token {
        self.last += 1;
        let token = Token(self.last);
        self.in_force.insert(item, token);
        token
    }

    fn end(&mut self, item: I, token: Token) {
        if self.in_force.get(&item) != Some(&token) {
            return;
        }
        self.in_force.remove(&item);
        if self.claims > 0 {
            self.ended.insert(item);
        }
    }

    fn is_free(&self, item: I) -> bool {
        !self.in_force.contains_key(&item) && !self.ended.contains(&item)
    }
}

/// A claim under way.
pub(super) struct Claim<'a, I: Leasable> {
    leases: &'a Leases<I>,
}

impl<I: Leasable> Claim<'_, I> {
    /// Whether nobody holds the item.
    pub(super) fn is_free(&self, item: I) -> bool {
        self.leases.inner.lock().is_free(item)
    }

    /// Leases an item that was read; `None` if it is not free any more.
    pub(super) fn take(&self, item: I) -> Option<Lease<I>> {
        let registry = self.leases.own.upgrade()?;
        let mut inner = self.leases.inner.lock();
        let token = inner.is_free(item).then(|| inner.grant(item))?;
        Some(Lease::new(item, token, registry))
    }
}

impl<I: Leasable> Drop for Claim<'_, I> {
    fn drop(&mut self) {
        let mut inner = self.leases.inner.lock();
        inner.claims -= 1;
        if inner.claims == 0 {
            inner.ended.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: DeliveryId = DeliveryId(7);

    #[test]
    fn an_item_has_one_lease_and_its_tokens_rise() {
        let leases = Leases::new();
        let first = leases.begin_claim().take(ITEM).unwrap();
        assert!(leases.begin_claim().take(ITEM).is_none());
        assert!(leases.is_in_force(ITEM, first.token()));
        let before = first.token();
        drop(first);
        let second = leases.begin_claim().take(ITEM).unwrap();
        assert!(second.token().0 > before.0);
        assert!(!leases.is_in_force(ITEM, before));
        // A write under the first one, or its end, does not end the second one.
        leases.end([(ITEM, before)]);
        assert!(leases.is_in_force(ITEM, second.token()));
        leases.end([(ITEM, second.token())]);
        drop(second);
        assert!(leases.begin_claim().is_free(ITEM));
    }

    #[test]
    fn a_claim_does_not_take_what_was_worked_on_while_it_read() {
        let leases = Leases::new();
        let lease = leases.grant([ITEM]).remove(0).unwrap();
        assert!(leases.grant([ITEM])[0].is_none());
        let reading = leases.begin_claim();
        leases.end([(ITEM, lease.token())]);
        assert!(!reading.is_free(ITEM) && reading.take(ITEM).is_none());
        let other = leases.begin_claim();
        assert!(!other.is_free(ITEM), "the reading may have begun before");
        drop((reading, other));
        assert!(leases.begin_claim().take(ITEM).is_some());
    }
}
