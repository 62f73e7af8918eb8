//! Where new requests come in from the ledger's writer.
//!
//! The writer must never wait, so the inbox is bounded and drops what does not fit. It
//! remembers from which place on each handler has lost requests: whoever empties it
//! reads these from the ledger. After a loss everything of that handler is dropped until
//! the inbox is emptied, so that what it holds of a handler never has a gap.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::queue::size;
use tollgate_base::event::HandlerName;
use tollgate_ledger::{OutboxRequest, OutboxSeq};

/// What the inbox holds at most, in requests and bytes.
const REQUESTS: usize = 8192;
const BYTES: usize = 16 * 1024 * 1024;

/// Takes in what [`LedgerSink::queued`](tollgate_ledger::LedgerSink::queued) tells. It is
/// made before the ledger is opened, the [`Outbox`](super::Outbox) afterwards.
#[derive(Default)]
pub struct Inbox {
    arrived: Mutex<Arrived>,
    /// Is notified when something arrives.
    pub(super) news: Notify,
}

/// What has arrived since it was last looked for.
#[derive(Default)]
pub(super) struct Arrived {
    /// In the order of commits.
    pub(super) requests: Vec<OutboxRequest>,
    bytes: usize,
    /// From here on requests of the handler are missing.
    pub(super) missed: HashMap<HandlerName, OutboxSeq>,
}

impl Inbox {
    /// Takes in new requests, in the order of commits. Does not block and does not fail:
    /// what does not fit will be read from the ledger.
    pub fn queued(&self, requests: Vec<OutboxRequest>) {
        {
            let mut arrived = self.arrived.lock();
            for request in requests {
                arrived.put(request);
            }
        }
        self.news.notify_one();
    }

    /// Empties the inbox.
    pub(super) fn take(&self) -> Arrived {
        std::mem::take(&mut *self.arrived.lock())
    }
}

impl Arrived {
    fn put(&mut self, request: OutboxRequest) {
        let bytes = size(&request);
        let full = self.requests.len() >= REQUESTS || self.bytes + bytes > BYTES;
        if full || self.missed.contains_key(&request.handler) {
            self.missed.entry(request.handler).or_insert(request.seq);
            return;
        }
        self.bytes += bytes;
        self.requests.push(request);
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}
