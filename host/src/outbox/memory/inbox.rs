//! The inbox for requests that the ledger's writer hands over.
//!
//! The writer must never wait, so the inbox is bounded and drops requests that do not fit. Dropping
//! a request gives its lease back. The inbox notes the lanes that have lost requests, so that the
//! outbox claims them later.

use std::collections::HashSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::load::Load;
use tollgate_base::event::HandlerName;
use tollgate_ledger::{LeasedRequest, RequestHost};

/// The most requests and bytes in the inbox.
const MOST: Load = Load {
    requests: 8192,
    bytes: 16 * 1024 * 1024,
};

/// Takes the requests that [`LedgerSink::queued`](tollgate_ledger::LedgerSink::queued) hands over.
/// The inbox is made before the ledger is opened, and the [`Outbox`](crate::outbox::Outbox)
/// afterwards.
#[derive(Default)]
pub struct Inbox {
    arrived: Mutex<Arrived>,
    /// Is notified when something arrives.
    pub(in crate::outbox) news: Notify,
}

/// The requests that have arrived since the inbox was last emptied.
#[derive(Default)]
pub(in crate::outbox) struct Arrived {
    /// In the order in which they were handed over.
    pub(in crate::outbox) requests: Vec<LeasedRequest>,
    load: Load,
    /// The lanes whose requests did not all fit.
    pub(in crate::outbox) left_behind: HashSet<(HandlerName, RequestHost)>,
}

impl Inbox {
    /// Takes requests in, in the order of their commits. Does not block and does not fail: the
    /// outbox claims requests that do not fit from the ledger later.
    pub fn queued(&self, requests: Vec<LeasedRequest>) {
        let mut dropped = Vec::new();
        {
            let mut arrived = self.arrived.lock();
            for request in requests {
                dropped.extend(arrived.put(request));
            }
        }
        drop(dropped);
        self.news.notify_one();
    }

    /// Empties the inbox.
    pub(in crate::outbox) fn take(&self) -> Arrived {
        std::mem::take(&mut *self.arrived.lock())
    }
}

impl Arrived {
    /// Keeps a request, or gives it back if it does not fit.
    fn put(&mut self, leased: LeasedRequest) -> Option<LeasedRequest> {
        let load = Load::of(&leased.request);
        let mut after = self.load;
        after.add(load);
        if after.exceeds(MOST) {
            let request = &leased.request;
            let lane = (request.handler.clone(), request.host.clone());
            self.left_behind.insert(lane);
            return Some(leased);
        }
        self.load = after;
        self.requests.push(leased);
        None
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}
