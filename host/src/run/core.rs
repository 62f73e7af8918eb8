//! The gateway as a whole: what takes events in, and what tells of itself.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::dispatch::{BreakerState, Dispatcher, LaneStatus, Runnable};
use crate::generation::components::Components;
use crate::generation::{Generation, LoadedHandler, Standing};
use crate::keys::{KeyCache, KeyUnavailable, SecretUses};
use crate::outbox::{self, Inbox, Targets};
use crate::run::backlog::Gauge;
use crate::run::schedule::Alarm;
use crate::server::{self, Readiness, Rejections, Status};
use crate::settings::{Handler, OutboxSettings, Source};
use tollgate_base::event::{DedupKey, Event, EventId, HandlerName};
use tollgate_base::time::{Clock, WallTime};
use tollgate_ledger::{
    Address, Counts, Delivery, Ledger, LedgerError, LedgerSink, NewEvent, OutboxRequest, Pause,
    Recipient, Recorded, Records,
};
use tollgate_scheme::{Accepted, FetchedKey, ProviderEvent};

/// By when all that began on a generation has ended after a swap: above the longest `timeout`
/// of a run, which is ten minutes.
const SWAP_ENDS: Duration = Duration::from_secs(15 * 60);

/// What the ledger tells of new work: to the dispatcher, the outbox and the alarm.
pub(crate) struct Sink {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) alarm: Arc<Alarm>,
}

impl LedgerSink for Sink {
    fn recorded(&self, deliveries: Vec<Delivery>) {
        self.dispatcher.recorded(deliveries);
    }

    fn released(&self, deliveries: Vec<Delivery>) {
        self.dispatcher.released(deliveries);
    }

    fn queued(&self, requests: Vec<OutboxRequest>) {
        self.inbox.queued(requests);
    }

    fn scheduled(&self, due: WallTime) {
        self.alarm.set(due);
    }
}

/// The parts that serve, whatever generation they serve.
pub(crate) struct Core {
    pub(crate) current: ArcSwap<Generation>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) components: Arc<Components>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) rejections: Arc<Rejections>,
    pub(crate) secret_uses: SecretUses,
    pub(crate) keys: Arc<KeyCache>,
    /// Why the files as they stand do not serve, if they do not.
    pub(crate) trouble: Mutex<Option<String>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// What waits.
    pub(crate) backlog: Gauge,
    /// Held while a handler is paused or resumed.
    pub(crate) pausing: Mutex<()>,
    /// The way to the outbox, once there is one.
    pub(crate) outbox: OnceLock<outbox::Handle>,
}

/// A source with its generation, for the time of one request.
pub(crate) struct PinnedSource {
    generation: Arc<Generation>,
    source: Arc<Source>,
}

impl Deref for PinnedSource {
    type Target = Source;

    fn deref(&self) -> &Source {
        &self.source
    }
}

impl server::IngressBackend for Core {
    type Source = PinnedSource;

    fn source(&self, path: &str) -> Option<PinnedSource> {
        let generation = self.current.load_full();
        let source = generation.source(path)?.clone();
        Some(PinnedSource { generation, source })
    }

    fn body_timeout(&self, source: &PinnedSource) -> Duration {
        source.generation.manifest.server.body_timeout
    }

    async fn key(
        &self,
        source: &PinnedSource,
        id: &str,
    ) -> Result<Arc<FetchedKey>, KeyUnavailable> {
        self.keys.key(&source.source, id).await
    }

    fn refuses(&self) -> bool {
        self.backlog.refuses()
    }

    fn accept(
        &self,
        source: &PinnedSource,
        accepted: Accepted,
        now: WallTime,
    ) -> impl Future<Output = Result<Vec<Recorded>, LedgerError>> + Send {
        if let Some(secret) = accepted.secret {
            self.secret_uses.count(source, secret, now);
        }
        let events = accepted
            .events
            .into_inner()
            .into_iter()
            .map(|event| new_event(source, event, now))
            .collect();
        self.ledger.record(events)
    }
}

/// A verified event with its id, its dedup key and its handlers.
fn new_event(source: &PinnedSource, event: ProviderEvent, now: WallTime) -> NewEvent {
    let dedup = DedupKey::new(&source.name, &event.dedup);
    let also = event.more_dedup.iter();
    let also = also
        .map(|basis| DedupKey::new(&source.name, basis))
        .collect();
    let event = Event {
        id: EventId::generate(now),
        source: source.name.clone(),
        provider_id: event.provider_id,
        kind: event.kind,
        subject: event.subject,
        account: event.account,
        created: event.created,
        received: now,
        headers: event.headers,
        metadata: Vec::new(),
        depth: 0,
        payload: event.payload,
    };
    let handlers = source.generation.routes.recipients(&event);
    NewEvent {
        event,
        dedup,
        also,
        handlers,
    }
}

impl Core {
    /// What says what the delivery of an event to a handler is ordered by, whatever
    /// generation serves.
    pub(crate) fn address(self: &Arc<Self>) -> Address {
        let core = self.clone();
        Arc::new(move |handler, event| core.current.load().routes.recipient(handler, event))
    }
}

impl Targets for Core {
    fn handler(&self, name: &HandlerName) -> Option<Arc<Handler>> {
        // Requests of a handler that is away wait until it is back, and so do these.
        let paused = self.dispatcher.pause_of(name);
        if paused.is_some_and(|pause| pause.outbox) {
            return None;
        }
        self.current.load().manifest.handlers.get(name).cloned()
    }

    fn recipient(&self, handler: HandlerName, event: &Event) -> Recipient {
        self.current.load().routes.recipient(handler, event)
    }

    fn settings(&self) -> OutboxSettings {
        self.current.load().manifest.outbox.clone()
    }
}

impl Status for Core {
    fn readiness(&self) -> Readiness {
        let mut reasons = self.backlog.over();
        if !self.ledger.writable() {
            reasons.push("the ledger cannot be written".to_owned());
        }
        match reasons[..] {
            [] => Readiness::Ready,
            _ => Readiness::NotReady(reasons),
        }
    }

    fn status(&self) -> Value {
        let generation = self.current.load();
        let ledger = match self.ledger.counts() {
            Ok(counts) => counts_json(&counts, Some(self.ledger.writable())),
            Err(error) => json!({ "writable": self.ledger.writable(), "error": error.to_string() }),
        };
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "now_ms": self.clock.now(),
            "generation": {
                "number": generation.number,
                "loaded_ms": generation.loaded,
                "from": generation.origin.name(),
                "error": self.trouble(&generation),
                "warnings": generation.manifest.warnings,
                "handlers": self.handlers_json(&generation),
            },
            "ledger": ledger,
            "backlog": self.backlog.json(),
            "guests": self.guests_json(),
            "rejections": self.rejections_json(),
            "held_hosts_until_ms": self.held_hosts_json(),
            "secrets": self.secrets_json(&generation),
        })
    }
}

impl Core {
    /// What is wrong with what serves: the files do not, or a component is kept out.
    fn trouble(&self, generation: &Generation) -> Option<String> {
        let files = self.trouble.lock().clone();
        let kept_out =
            generation
                .handlers
                .iter()
                .filter_map(|(name, loaded)| match loaded.standing() {
                    Standing::InPlaceOf(rolled_back) => {
                        Some(format!("handler `{name}`: {rolled_back}"))
                    }
                    _ => None,
                });
        let all: Vec<_> = files.into_iter().chain(kept_out).collect();
        (!all.is_empty()).then(|| all.join("\n"))
    }

    /// Removes kept components that none of these generations runs and no attempt that is
    /// kept names.
    pub(crate) fn prune_components(&self, generations: &[&Generation]) {
        let runs = |digest| {
            let handlers = generations
                .iter()
                .flat_map(|generation| generation.handlers.values());
            handlers
                .into_iter()
                .any(|handler| crate::dispatch::Runnable::digest(&**handler) == digest)
        };
        // What cannot be looked up is kept.
        let needed = |digest| runs(digest) || self.ledger.is_named(digest).unwrap_or(true);
        match self.components.prune(&needed) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "components that nothing names were removed"),
            Err(error) => tracing::warn!(%error, "kept components could not be looked through"),
        }
    }

    /// The same, after events were pruned with their attempts. Not soon after a swap: what
    /// ends on the generation before names its components only then.
    pub(crate) fn prune_unnamed_components(&self) {
        let current = self.current.load_full();
        if self.clock.now() >= current.loaded + SWAP_ENDS {
            self.prune_components(&[&current]);
        }
    }

    fn handlers_json(&self, generation: &Generation) -> Value {
        let lanes: HashMap<_, _> = self.dispatcher.status().into_iter().collect();
        let handlers = generation.handlers.iter().map(|(name, loaded)| {
            let lane = lanes.get(name).copied().unwrap_or_default();
            (name.to_string(), handler_json(loaded, &lane))
        });
        Value::Object(handlers.collect())
    }

    fn guests_json(&self) -> Value {
        let (taken, all) = self.dispatcher.room();
        json!({
            "running": taken.threads,
            "memory_reserved": taken.memory,
            "memory_limit": all.memory,
        })
    }

    fn secrets_json(&self, generation: &Generation) -> Value {
        let now = self.clock.now();
        let sources = generation.manifest.sources.values();
        let shown = sources.map(|source| {
            let secrets = self.secret_uses.json(source, now);
            (source.name.to_string(), secrets)
        });
        Value::Object(shown.collect())
    }

    fn held_hosts_json(&self) -> Value {
        let held = self.outbox.get().map(outbox::Handle::held);
        let until = |(host, until): (String, WallTime)| (host, json!(until));
        Value::Object(held.into_iter().flatten().map(until).collect())
    }

    fn rejections_json(&self) -> Value {
        let mut sources = serde_json::Map::new();
        for rejected in self.rejections.snapshot() {
            let source = rejected
                .source
                .map_or_else(|| "-".to_owned(), |name| name.to_string());
            let codes = sources.entry(source).or_insert_with(|| json!({}));
            codes[rejected.code] = rejected.count.into();
        }
        Value::Object(sources)
    }
}

/// What a handler runs, and what holds its deliveries back.
pub(crate) fn handler_json(loaded: &LoadedHandler, lane: &LaneStatus) -> Value {
    let mut status = json!({
        "component": loaded.digest().to_string(),
        "queued": lane.queued,
        "running": lane.running,
        "breaker": lane.gate.breaker.name(),
        "limited": lane.gate.limited,
        "paused": lane.gate.paused.map(pause_json),
    });
    let outcomes = lane.outcomes.iter().filter(|(_, many)| *many > 0);
    status["outcomes"] = outcomes
        .map(|(outcome, many)| (outcome.name(), many))
        .collect();
    match loaded.standing() {
        Standing::Trusted => {}
        Standing::OnTrial { before } => status["on_trial_after"] = before.as_str().into(),
        Standing::InPlaceOf(rolled_back) => {
            status["in_place_of"] = rolled_back.component.as_str().into();
        }
    }
    if let BreakerState::Open { until } = lane.gate.breaker {
        status["breaker_until_ms"] = json!(until);
    }
    status
}

/// A pause as status shows it.
pub(crate) fn pause_json(pause: Pause) -> Value {
    json!({ "since_ms": pause.since, "outbox": pause.outbox })
}

/// The ledger's counts as status shows them.
pub(crate) fn counts_json(counts: &Counts, writable: Option<bool>) -> Value {
    let named = |pairs: Vec<(&'static str, u64)>| -> Value {
        Value::Object(
            pairs
                .into_iter()
                .map(|(name, n)| (name.to_owned(), n.into()))
                .collect(),
        )
    };
    json!({
        "writable": writable,
        "events": counts.events,
        "duplicates": counts.duplicates,
        "duplicates_differing": counts.duplicates_differing,
        "unrouted": counts.unrouted,
        "pruned": counts.pruned,
        "erased": counts.erased,
        "oldest_ms": counts.oldest,
        "deliveries": named(counts.deliveries.iter().map(|(state, n)| (state.name(), *n)).collect()),
        "deliveries_blocked": counts.blocked,
        "scheduled": counts.scheduled,
        "outbox": named(counts.outbox.iter().map(|(state, n)| (state.name(), *n)).collect()),
    })
}
