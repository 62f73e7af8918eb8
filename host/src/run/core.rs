//! The parts that serve, whatever generation serves.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use crate::dispatch::Dispatcher;
use crate::generation::{ComponentStore, Current, Generation, ReloadHandle};
use crate::keys::{KeyCache, SecretUses};
use crate::metrics::Process;
use crate::outbox::{self, Targets};
use crate::resolve::{self, Sources};
use crate::run::admin_calls::AdminCalls;
use crate::run::backlog::BacklogGauge;
use crate::run::disk_watch::DiskWatch;
use crate::run::log_watch::LogWatch;
use crate::run::notices::Notices;
use crate::run::schedule::RecipientOf;
use crate::run::source_gauges::SourceGauges;
use crate::server::{Layers, LayersOf, Rejections, Taps};
use crate::settings::{AlertReceiver, Handler, Network, OutboxSettings, Source};
use crate::tls::Front;
use tollgate_base::event::{Event, HandlerName};
use tollgate_base::time::Clock;
use tollgate_ledger::{LastingAlert, Ledger, Recipient, Records, Restore, Totals};

/// The time after a swap by which all runs on the generation before have ended: more than ten
/// minutes, the longest `timeout` of a run.
const OLD_RUNS_END: Duration = Duration::from_secs(15 * 60);

/// The parts that serve, whatever generation serves.
pub(crate) struct Core {
    pub(crate) current: Arc<Current>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) components: Arc<ComponentStore>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) rejections: Arc<Rejections>,
    /// The captures that operators run.
    pub(crate) taps: Arc<Taps>,
    pub(crate) notices: Notices,
    /// What each source has received.
    pub(crate) sources: SourceGauges,
    /// The calls of the admin service.
    pub(crate) admin_calls: AdminCalls,
    /// The process itself.
    pub(crate) process: Process,
    pub(crate) secret_uses: SecretUses,
    pub(crate) keys: Arc<KeyCache>,
    /// The TLS of the ingress.
    pub(crate) tls: Arc<Front>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) backlog: BacklogGauge,
    /// The ledger's log, if a reader lets it grow.
    pub(crate) log: LogWatch,
    /// The disk of the data folder.
    pub(crate) disk: DiskWatch,
    /// The last totals of the ledger; `None` before the first reading.
    pub(crate) totals: Mutex<Option<Totals>>,
    /// The alerts that last.
    pub(crate) alerts: Mutex<Vec<LastingAlert>>,
    /// The last restore of the ledger, if no operator has released it.
    pub(crate) restore: Mutex<Option<Restore>>,
    /// Held while a handler is paused or resumed.
    pub(crate) pausing: Mutex<()>,
    /// Asks for reloads, once the thread that reloads has started.
    pub(crate) reloads: OnceLock<ReloadHandle>,
    /// The handle of the outbox, once the outbox has started.
    pub(crate) outbox: OnceLock<outbox::Handle>,
    /// The handle of the resolver, once the resolver has started.
    pub(crate) resolver: OnceLock<resolve::Handle>,
}

impl Core {
    /// A function that returns the recipient that an event for a handler has, with its order key,
    /// by the routes of the serving generation.
    pub(crate) fn recipient_of(self: &Arc<Self>) -> RecipientOf {
        let core = self.clone();
        Arc::new(move |handler, event| core.current.load().routes.recipient(handler, event))
    }

    /// The layers below HTTP that the serving generation wants on the listener of the providers.
    pub(crate) fn ingress_layers(self: &Arc<Self>) -> LayersOf {
        let core = self.clone();
        Arc::new(move || Layers {
            proxies: core.proxies(),
            tls: core.tls.layer(),
        })
    }

    /// The same for the listener that sends plain HTTP to HTTPS: the proxies alone.
    pub(crate) fn redirect_layers(self: &Arc<Self>) -> LayersOf {
        let core = self.clone();
        Arc::new(move || Layers {
            proxies: core.proxies(),
            tls: None,
        })
    }

    /// The proxies whose connections begin with a header of the PROXY protocol.
    fn proxies(&self) -> Option<Arc<[Network]>> {
        let server = &self.current.load().manifest.server;
        let proxies = &server.trusted_proxies;
        server.proxy_protocol.then(|| proxies.clone())
    }

    /// Removes the components from the store that none of these generations runs and no recorded
    /// attempt names.
    pub(crate) fn prune_components(&self, generations: &[&Generation]) {
        let runs = |digest| generations.iter().any(|one| one.runs(digest));
        // If the ledger cannot be read, the component stays.
        let needed = |digest| runs(digest) || self.ledger.is_named(digest).unwrap_or(true);
        match self.components.prune(&needed) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "components that no attempt names were removed"),
            Err(error) => {
                tracing::warn!(%error, "components that no attempt names could not be removed");
            }
        }
    }

    /// Does the same after events were pruned with their attempts. Does nothing soon after a swap:
    /// runs on the generation before may still end and name its components.
    pub(crate) fn prune_unnamed_components(&self) {
        let current = self.current.load_full();
        if self.clock.now() >= current.loaded + OLD_RUNS_END {
            self.prune_components(&[&current]);
        }
    }
}

impl Sources for Core {
    fn sources(&self) -> Vec<Arc<Source>> {
        self.current
            .load()
            .manifest
            .sources
            .values()
            .cloned()
            .collect()
    }

    fn is_on_hold(&self) -> bool {
        Core::is_on_hold(self)
    }
}

impl Targets for Core {
    fn handler(&self, name: &HandlerName) -> Option<Arc<Handler>> {
        if self.is_on_hold() {
            return None;
        }
        // Requests of a paused handler wait like those of a handler that left the manifest.
        let paused = self.dispatcher.pause_of(name);
        if paused.is_some_and(|pause| pause.outbox) {
            return None;
        }
        self.current.load().manifest.handlers.get(name).cloned()
    }

    /// Notices go out whatever is paused or on hold.
    fn receiver(&self, name: &str) -> Option<Arc<AlertReceiver>> {
        self.current.load().manifest.alerts.receiver(name).cloned()
    }

    fn names(&self) -> Vec<HandlerName> {
        let manifest = &self.current.load().manifest;
        let names = manifest.handlers.keys().cloned();
        let handlers = names.filter(|name| self.handler(name).is_some());
        let receivers = manifest.alerts.receivers.iter();
        let receivers = receivers.map(|receiver| AlertReceiver::outbox_name(&receiver.name));
        handlers.chain(receivers).collect()
    }

    fn recipient(&self, handler: HandlerName, event: &Event) -> Recipient {
        self.current.load().routes.recipient(handler, event)
    }

    fn settings(&self) -> OutboxSettings {
        self.current.load().manifest.outbox.clone()
    }
}
