//! The parts that an outbox works with.

use std::sync::Arc;

use rustls::ClientConfig;

use super::memory::Inbox;
use crate::settings::{Handler, OutboxSettings};
use tollgate_base::event::{Event, HandlerName};
use tollgate_base::time::SteadyClock;
use tollgate_ledger::{OutboxStore, Recipient};

/// The serving generation's settings for outbox requests.
pub trait Targets: Send + Sync + 'static {
    /// The handler with this name, if the manifest has it. Otherwise requests of the handler wait
    /// until it returns.
    fn handler(&self, name: &HandlerName) -> Option<Arc<Handler>>;

    /// The names of all handlers that [`handler`](Targets::handler) finds.
    fn handlers(&self) -> Vec<HandlerName>;

    /// A handler as the recipient of the answer to its request, with the order key of that
    /// delivery.
    fn recipient(&self, handler: HandlerName, event: &Event) -> Recipient {
        let _ = event;
        handler.into()
    }

    /// The settings in `[outbox]`.
    fn settings(&self) -> OutboxSettings;
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
