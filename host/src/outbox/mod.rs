//! The outbox: sends the requests that handlers queued, after their commit.
//!
//! Each goes out at least once, with the same `Idempotency-Key` on every try, until it
//! is answered 2xx or given up. What became of a try is in the ledger before the next
//! request of its lane goes. See [`queue`] for order, [`room`] for memory, [`hosts`] for what each
//! receiver bears, [`attempt`] for what an answer means, [`egress`](crate::egress) for where
//! requests may go.

mod attempt;
mod driver;
mod heads;
mod hosts;
mod inbox;
mod pass;
mod queue;
mod response;
mod retry_after;
mod room;
mod settle;
mod share;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::settings::{Handler, OutboxSettings};
use tollgate_base::event::{Event, HandlerName};
use tollgate_base::time::{SteadyClock, WallTime};
use tollgate_ledger::{NewEvent, OutboxNext, OutboxRequest, OutboxSeq, OutboxStore, Recipient};

pub use inbox::Inbox;

/// The event that tells a handler that an operator has cancelled its request; none where it
/// did not ask for the answer.
pub(crate) fn cancelled(
    targets: &dyn Targets,
    request: &OutboxRequest,
    who: &str,
    at: WallTime,
) -> Option<NewEvent> {
    let outcome = attempt::Outcome::dead(format!("cancelled by {who}"));
    response::event(
        targets,
        request,
        &outcome,
        request.tries,
        OutboxNext::Dead,
        at,
    )
}

/// What the generation that serves now says about outbox requests.
pub trait Targets: Send + Sync + 'static {
    /// The handler with this name, if the manifest has it. Requests of one that it has
    /// not wait until it comes back.
    fn handler(&self, name: &HandlerName) -> Option<Arc<Handler>>;
    /// A handler as the one that gets the answer of its request, with what that delivery is
    /// ordered by.
    fn recipient(&self, handler: HandlerName, event: &Event) -> Recipient {
        let _ = event;
        handler.into()
    }
    /// `[outbox]`
    fn settings(&self) -> OutboxSettings;
}

/// The parts that an outbox works with.
pub struct Parts {
    /// Where requests wait durably.
    pub ledger: Arc<dyn OutboxStore>,
    /// Where the ledger's sink puts new ones.
    pub inbox: Arc<Inbox>,
    /// Where they may go.
    pub targets: Arc<dyn Targets>,
    /// What tells when they are due.
    pub clock: Arc<SteadyClock>,
    /// How `https` origins are verified; [`system_tls`](crate::egress::system_tls) outside of
    /// tests.
    pub tls: ClientConfig,
}

/// The running sender. Dropping it ends it at once; requests under way then count as
/// not tried and go again after the next start.
#[derive(Debug)]
pub struct Outbox {
    shared: Arc<Signals>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What the handle and the sending task share.
#[derive(Debug, Default)]
struct Signals {
    wake: Notify,
    sent: AtomicU64,
    again: AtomicU64,
    dead: AtomicU64,
    held: Mutex<Vec<(String, WallTime)>>,
    changed: Mutex<Vec<Changed>>,
}

/// A waiting request that an operator changed in the ledger.
#[derive(Debug, Clone)]
pub(crate) enum Changed {
    /// It is dead.
    Cancelled(HandlerName, OutboxSeq),
    /// It is due now.
    Due(HandlerName, OutboxSeq),
}

/// A way to the running sender for whoever does not own it.
#[derive(Debug, Clone)]
pub struct Handle(Arc<Signals>);

impl Handle {
    /// Looks again at what may go: call it after a reload, and after moving a clock by
    /// hand.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Tells of requests that were changed in the ledger.
    pub(crate) fn changed(&self, changed: Vec<Changed>) {
        self.0.changed.lock().extend(changed);
        self.0.wake.notify_one();
    }

    /// The hosts that asked for time, and until when nothing goes there. A time that has
    /// passed means that one request is finding out.
    pub fn held(&self) -> Vec<(String, WallTime)> {
        self.0.held.lock().clone()
    }
}

/// How tries ended since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answered 2xx.
    pub sent: u64,
    /// Failed, and to be tried again.
    pub again: u64,
    /// Failed for good.
    pub dead: u64,
}

impl Outbox {
    /// Starts to send what waits in the ledger and what arrives. Must be called within a
    /// tokio runtime.
    pub fn start(parts: Parts) -> Self {
        Self::start_with(parts, room::Bounds::default())
    }

    fn start_with(parts: Parts, bounds: room::Bounds) -> Self {
        let shared = Arc::new(Signals::default());
        let (stop, stopped) = watch::channel(false);
        let driver = driver::Driver::new(parts, shared.clone(), bounds);
        let task = tokio::spawn(driver.run(stopped));
        Self { shared, stop, task }
    }

    /// A way to it for others.
    pub fn handle(&self) -> Handle {
        Handle(self.shared.clone())
    }

    /// How tries ended since the start.
    pub fn tally(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            sent: read(&self.shared.sent),
            again: read(&self.shared.again),
            dead: read(&self.shared.dead),
        }
    }

    /// Starts no more tries and waits for those under way to end and to be settled, for
    /// `deadline` at most. Call it before the ledger is closed.
    pub async fn stop(mut self, deadline: Duration) {
        self.stop.send_replace(true);
        if timeout(deadline, &mut self.task).await.is_err() {
            tracing::warn!(
                "outbox requests were still under way at the deadline: cut off, they will be sent again"
            );
            self.task.abort();
            // Resolves once the task and its tries have been dropped.
            _ = (&mut self.task).await;
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}
