//! The parts that an outbox works with.

use std::sync::Arc;

use rustls::ClientConfig;

use super::memory::Inbox;
use crate::settings::{AlertReceiver, Handler, OutboxSettings};
use tollgate_base::event::{Event, HandlerName};
use tollgate_base::time::SteadyClock;
use tollgate_ledger::{OutboxStore, Recipient};

/// The serving generation's settings for outbox requests.
pub trait Targets: Send + Sync + 'static {
    /// The handler with this name, if the manifest has it. Otherwise requests of the handler wait
    /// until it returns.
    fn handler(&self, name: &HandlerName) -> Option<Arc<Handler>>;

    /// The receiver of notices about alerts with this name, if the manifest has it.
    fn receiver(&self, name: &str) -> Option<Arc<AlertReceiver>> {
        let _ = name;
        None
    }

    /// The names of everything that [`target`](Targets::target) finds.
    fn names(&self) -> Vec<HandlerName>;

    /// The target of the requests that wait under this name.
    fn target(&self, name: &HandlerName) -> Option<Target> {
        match AlertReceiver::of_outbox_name(name) {
            Some(receiver) => self.receiver(receiver).map(Target::Receiver),
            None => self.handler(name).map(Target::Handler),
        }
    }

    /// A handler as the recipient of the answer to its request, with the order key of that
    /// delivery.
    fn recipient(&self, handler: HandlerName, event: &Event) -> Recipient {
        let _ = event;
        handler.into()
    }

    /// The settings in `[outbox]`.
    fn settings(&self) -> OutboxSettings;
}

/// The settings by which a request goes out.
#[derive(Debug, Clone)]
pub enum Target {
    /// The request is as the handler queued it, and goes where the handler may send to.
    Handler(Arc<Handler>),
    /// The request is a notice about an alert. It gets its form and its URL as it goes out.
    Receiver(Arc<AlertReceiver>),
}

/// The parts that an outbox works with.
pub struct Parts {
    /// The ledger, where requests wait durably.
    pub ledger: Arc<dyn OutboxStore>,
    /// The inbox that the ledger's sink fills.
    pub inbox: Arc<Inbox>,
    /// The handlers and their `allow` lists.
    pub targets: Arc<dyn Targets>,
    /// The clock of due times.
    pub clock: Arc<SteadyClock>,
    /// The trust in `https` origins; [`system_tls`](crate::egress::system_tls) outside of tests.
    pub tls: ClientConfig,
}
