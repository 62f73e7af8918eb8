//! Resolving events: asking the provider's API for what thin events leave out.
//!
//! An event that is to be resolved is recorded as it came, and its deliveries wait in the ledger.
//! The resolver leases such events, asks the API of their source, and has the ledger record the
//! answers, which lets the deliveries run. Nothing is kept in memory alone: after a crash the
//! questions are asked again.
//!
//! [`notification`] reads a thin event, [`path`] checks the URL that it names, [`question`] says
//! what is asked, [`asking`] sends a request, [`answer`] reads the answer, [`gate`] keeps to the
//! host's limit, [`lane`] has the events of one source, and [`driver`] decides what goes when.

mod answer;
mod asking;
mod backoff;
mod changes;
mod driver;
mod gate;
mod gates;
mod lane;
mod notification;
mod parts;
mod path;
mod question;
mod settling;
mod signals;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use signals::Signals;

pub(crate) use notification::Notification;
pub(crate) use parts::{Parts, Sources};
pub(crate) use question::is_asked;
pub(crate) use signals::{Handle, News};

/// The running resolver. Dropping it ends it at once: the questions under way are asked again after
/// the next start.
#[derive(Debug)]
pub(crate) struct Resolver {
    signals: Arc<Signals>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Resolver {
    /// Starts to resolve the events that wait in the ledger and those that come. Must be called
    /// within a tokio runtime.
    pub(crate) fn start(parts: Parts) -> Self {
        let signals = Arc::<Signals>::default();
        let (stop, stopped) = watch::channel(false);
        let driver = driver::Driver::new(parts, signals.clone());
        let task = tokio::spawn(driver.run(stopped));
        Self {
            signals,
            stop,
            task,
        }
    }

    /// A handle for other parts of the gateway.
    pub(crate) fn handle(&self) -> Handle {
        Handle(self.signals.clone())
    }

    /// Asks nothing more, and waits for the questions under way, for `deadline` at most. Call it
    /// before the ledger is closed.
    pub(crate) async fn stop(mut self, deadline: Duration) {
        self.stop.send_replace(true);
        if timeout(deadline, &mut self.task).await.is_err() {
            self.task.abort();
            // Resolves once the task and its questions have been dropped.
            _ = (&mut self.task).await;
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.task.abort();
    }
}
