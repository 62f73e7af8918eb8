//! The leases that this gateway holds.
//!
//! The rows of the database say who has a lease (`owner`) and under which token. The book says
//! which of this gateway's leases are still in use here: a lease that was dropped is free for this
//! gateway at once, and for others as soon as its row says so.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{DeliveryId, Leasable, Lease, LeaseRegistry, RequestId, ResolutionId, Token};

/// All leases of this gateway.
pub(crate) struct Books {
    pub(crate) deliveries: Arc<Book<DeliveryId>>,
    pub(crate) requests: Arc<Book<RequestId>>,
    pub(crate) resolutions: Arc<Book<ResolutionId>>,
    /// Wakes whoever writes down that leases were given back.
    pub(crate) returned: Arc<Notify>,
}

impl Books {
    /// Without a lease.
    pub(crate) fn new() -> Self {
        let returned = Arc::<Notify>::default();
        Self {
            deliveries: Book::new(&returned),
            requests: Book::new(&returned),
            resolutions: Book::new(&returned),
            returned,
        }
    }

    /// Ends all leases: the database has ended them.
    pub(crate) fn clear(&self) {
        self.deliveries.clear();
        self.requests.clear();
        self.resolutions.clear();
    }
}

/// A line of deliveries or requests that run one after another.
pub(crate) type Line = Option<[u8; 16]>;

/// The leases of one kind of items.
pub(crate) struct Book<I: Leasable> {
    inner: Mutex<Inner<I>>,
    own: Weak<Self>,
    wake: Arc<Notify>,
}

struct Inner<I> {
    in_force: HashMap<I, (Token, Line)>,
    returned: Vec<(I, Token)>,
}

impl<I: Leasable> Book<I> {
    fn new(wake: &Arc<Notify>) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            inner: Mutex::new(Inner {
                in_force: HashMap::new(),
                returned: Vec::new(),
            }),
            own: own.clone(),
            wake: Arc::clone(wake),
        })
    }

    /// A lease that the database gives to this gateway; `None` while the ledger ends.
    pub(crate) fn lease(&self, item: I, token: Token, line: Line) -> Option<Lease<I>> {
        let registry = self.own.upgrade()?;
        self.inner.lock().in_force.insert(item, (token, line));
        Some(Lease::new(item, token, registry))
    }

    /// The line of an item, if this lease of it is in use.
    pub(crate) fn held(&self, item: I, token: Token) -> Option<Line> {
        let inner = self.inner.lock();
        let (held, line) = inner.in_force.get(&item)?;
        (*held == token).then_some(*line)
    }

    /// Whether a lease of the item is in use.
    pub(crate) fn is_held(&self, item: I) -> bool {
        self.inner.lock().in_force.contains_key(&item)
    }

    /// Ends a lease after a write under it has ended the work.
    pub(crate) fn end(&self, item: I, token: Token) {
        let mut inner = self.inner.lock();
        if inner
            .in_force
            .get(&item)
            .is_some_and(|(held, _)| *held == token)
        {
            inner.in_force.remove(&item);
        }
    }

    /// Notes leases that the database has given to this gateway, as far as the gateway does not
    /// know of them: the answer to a claim was lost.
    pub(crate) fn disown(&self, leases: impl IntoIterator<Item = (I, Token)>) {
        let mut inner = self.inner.lock();
        let leases = leases.into_iter();
        let unknown: Vec<_> = leases
            .filter(|(item, token)| {
                let held = inner.in_force.get(item);
                held.is_none_or(|(held, _)| held != token)
            })
            .collect();
        inner.returned.extend(unknown);
    }

    /// The leases that were given back, and that the database does not know about yet.
    pub(crate) fn returned(&self) -> Vec<(I, Token)> {
        self.inner.lock().returned.clone()
    }

    /// The items whose leases were given back and that have not been leased again since.
    pub(crate) fn free(&self) -> Vec<I> {
        let inner = self.inner.lock();
        let returned = inner.returned.iter().map(|(item, _)| *item);
        returned
            .filter(|item| !inner.in_force.contains_key(item))
            .collect()
    }

    /// Forgets leases that were given back: the database knows about them now.
    pub(crate) fn told(&self, items: &[(I, Token)]) {
        let told: HashSet<_> = items.iter().collect();
        let mut inner = self.inner.lock();
        inner.returned.retain(|returned| !told.contains(returned));
    }

    fn clear(&self) {
        let mut inner = self.inner.lock();
        inner.in_force.clear();
        inner.returned.clear();
    }
}

impl<I: Leasable> LeaseRegistry<I> for Book<I> {
    fn give_back(&self, item: I, token: Token) {
        let mut inner = self.inner.lock();
        if inner
            .in_force
            .get(&item)
            .is_some_and(|(held, _)| *held == token)
        {
            inner.in_force.remove(&item);
            inner.returned.push((item, token));
            self.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: DeliveryId = DeliveryId(7);

    #[test]
    fn what_was_given_back_is_free_until_it_is_leased_again() {
        let books = Books::new();
        let book = &books.deliveries;
        let first = book.lease(ITEM, Token(1), None).unwrap();
        assert!(book.is_held(ITEM) && book.free().is_empty());
        drop(first);
        assert_eq!((book.free(), book.held(ITEM, Token(1))), (vec![ITEM], None));
        let second = book.lease(ITEM, Token(2), None).unwrap();
        assert!(
            book.free().is_empty(),
            "it is leased again, and the database not told yet"
        );
        assert_eq!(book.returned(), [(ITEM, Token(1))]);
        // The end of the first lease does not end the second one.
        book.give_back(ITEM, Token(1));
        book.end(ITEM, Token(1));
        assert_eq!(book.held(ITEM, Token(2)), Some(None));
        book.told(&[(ITEM, Token(1))]);
        drop(second);
        assert_eq!(book.returned(), [(ITEM, Token(2))]);
        book.disown([(ITEM, Token(3))]);
        assert_eq!(book.returned().len(), 2);
    }
}
