//! What the running resolver shares with other parts of the gateway.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use tollgate_base::event::SourceName;
use tollgate_base::time::WallTime;

/// The ledger's news that events wait. It exists before the ledger.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(super) came: Notify,
    pub(super) unseen: AtomicBool,
}

impl News {
    /// Events began to wait. Does not block.
    pub(crate) fn unresolved(&self) {
        self.unseen.store(true, Ordering::Release);
        self.came.notify_one();
    }
}

/// The state that the resolver's handle and its task share.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pub(super) wake: Notify,
    /// The sources may have changed.
    pub(super) sources_changed: AtomicBool,
    pub(super) tallies: Mutex<BTreeMap<SourceName, SourceTally>>,
}

/// What became of a source's questions since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SourceTally {
    /// Requests that were sent.
    pub(crate) requests: u64,
    /// Questions that were answered.
    pub(crate) answered: u64,
    /// Things among these that are gone.
    pub(crate) gone: u64,
    /// Requests that are to be repeated.
    pub(crate) again: u64,
    /// Requests that wait for an operator.
    pub(crate) to_mend: u64,
    /// Until when no request goes to the host, because it asked for time or refuses the key.
    pub(crate) rests_until: Option<WallTime>,
}

/// Reaches the running resolver for parts that do not own it.
#[derive(Clone, Debug)]
pub(crate) struct Handle(pub(super) Arc<Signals>);

impl Handle {
    /// Makes the resolver look at the sources again: after a reload, and when a hold ended.
    pub(crate) fn wake(&self) {
        self.0.sources_changed.store(true, Ordering::Release);
        self.0.wake.notify_one();
    }

    /// What became of each source's questions since the start.
    pub(crate) fn tallies(&self) -> BTreeMap<SourceName, SourceTally> {
        self.0.tallies.lock().clone()
    }
}
