//! The outbox: sends the requests that handlers queued, after their commit.
//!
//! Each request goes out at least once, with the same `Idempotency-Key` on every try, until it is
//! answered 2xx or given up. The ledger decides which request may go and leases it to the outbox.
//! The end of a try is in the ledger before the next request of the same order key goes.
//!
//! [`memory`] holds the leased requests, [`claims`] gets more of them from the ledger, [`sending`]
//! makes a try and records its end, [`driver`] decides when which of these happens.
//! [`egress`](crate::egress) says where requests may go.

mod claims;
mod driver;
mod memory;
mod parts;
mod sending;
mod signals;
#[cfg(test)]
mod tests;
mod tries;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use memory::Bounds;
use signals::Signals;

pub use memory::Inbox;
pub use parts::{Parts, Target, Targets};
pub(crate) use sending::cancelled_event;
pub(crate) use signals::Changed;
pub use signals::Handle;
pub use tries::Tally;

/// The running outbox. Dropping it ends it at once; requests under way then count as not tried and
/// go again after the next start.
#[derive(Debug)]
pub struct Outbox {
    signals: Arc<Signals>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Outbox {
    /// Starts to send the requests that wait in the ledger and those that arrive. Must be called
    /// within a tokio runtime.
    pub fn start(parts: Parts) -> Self {
        Self::start_with(parts, Bounds::default())
    }

    fn start_with(parts: Parts, bounds: Bounds) -> Self {
        let signals = Arc::new(Signals::default());
        let (stop, stopped) = watch::channel(false);
        let driver = driver::Driver::new(parts, signals.clone(), bounds);
        let task = tokio::spawn(driver.run(stopped));
        Self {
            signals,
            stop,
            task,
        }
    }

    /// A handle for other parts of the gateway.
    pub fn handle(&self) -> Handle {
        Handle(self.signals.clone())
    }

    /// How tries ended since the start.
    pub fn tally(&self) -> Tally {
        self.signals.tries.tally()
    }

    /// Starts no more tries and waits until the tries under way are settled, for `deadline` at
    /// most. Call it before the ledger is closed.
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
