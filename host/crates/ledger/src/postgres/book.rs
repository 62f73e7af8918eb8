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
