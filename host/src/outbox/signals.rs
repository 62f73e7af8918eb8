//! The state that the running outbox shares with other parts of the gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::tries::Tries;
use tollgate_base::event::HandlerName;
use tollgate_base::histogram::Distribution;
use tollgate_base::time::WallTime;
use tollgate_ledger::{RequestHost, RequestId};

/// The state that the outbox's handle and its task share.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pub(super) wake: Notify,
    /// Handlers may have come or gone.
    pub(super) handlers_changed: AtomicBool,
    pub(super) tries: Tries,
    pub(super) held: Mutex<Vec<(String, WallTime)>>,
    pub(super) changed: Mutex<Vec<Changed>>,
}

/// A change that an operator made to a waiting request in the ledger.
#[derive(Debug, Clone)]
pub(crate) enum Changed {
    /// The request is dead.
    Cancelled(RequestId),
    /// A request of this handler to this host is due now.
    Due(HandlerName, RequestHost),
}

/// Reaches the running outbox for parts that do not own it.
#[derive(Debug, Clone)]
pub struct Handle(pub(super) Arc<Signals>);

impl Handle {
    /// Makes the outbox look again at all that may go: after a reload, and after a test moved the
    /// clock by hand.
    pub fn wake(&self) {
        self.0.handlers_changed.store(true, Ordering::Release);
        self.0.wake.notify_one();
    }

    /// Tells the outbox about requests that an operator changed in the ledger.
    pub(crate) fn changed(&self, changed: Vec<Changed>) {
        self.0.changed.lock().extend(changed);
        self.0.wake.notify_one();
    }

    /// How long tries took, by the name of their outcome: sent, again, dead.
    pub(crate) fn durations(&self) -> [(&'static str, Distribution); 3] {
        self.0.tries.durations()
    }

    /// The hosts that asked for time, and until when no request goes there. A time that has passed
    /// means that one request, the probe, is under way or goes next.
    pub fn held(&self) -> Vec<(String, WallTime)> {
        self.0.held.lock().clone()
    }
}
