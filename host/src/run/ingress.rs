//! The gateway as the backend of the ingress: sources, keys, and the record of verified events.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::generation::Generation;
use crate::keys::KeyUnavailable;
use crate::resolve::{Notification, is_asked};
use crate::run::core::Core;
use crate::run::exclusion::LIVEMODE;
use crate::run::notices::Notice;
use crate::run::source_gauges::SourceGauge;
use crate::server::{IngressBackend, SenderRules};
use crate::settings::Source;
use crate::telemetry::traces::TraceContext;
use tollgate_base::event::{DedupBasis, DedupKey, Event, EventId, UNREADABLE};
use tollgate_base::time::WallTime;
use tollgate_ledger::{EventForm, LedgerError, NewEvent, Recorded};
use tollgate_scheme::{Accepted, EqualBytes, FetchedKey, ProviderEvent, Visit};

/// A source with its generation, for the time of one request.
pub(crate) struct PinnedSource {
    generation: Arc<Generation>,
    source: Arc<Source>,
    gauge: Arc<SourceGauge>,
}

impl Deref for PinnedSource {
    type Target = Source;

    fn deref(&self) -> &Source {
        &self.source
    }
}

impl IngressBackend for Core {
    type Source = PinnedSource;

    fn source(&self, path: &str) -> Option<PinnedSource> {
        let generation = self.current.load_full();
        let source = generation.source(path)?.clone();
        Some(PinnedSource {
            gauge: self.sources.of(&source.name),
            generation,
            source,
        })
    }

    fn sender_rules(&self) -> SenderRules {
        let server = &self.current.load().manifest.server;
        SenderRules {
            trusted_proxies: server.trusted_proxies.clone(),
            require_https: server.require_https,
        }
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

    async fn visit(&self, source: &PinnedSource, visit: Visit) -> Result<(), KeyUnavailable> {
        self.keys.visit(&source.source, visit).await
    }

    fn refuses(&self) -> bool {
        self.backlog.refuses()
    }

    fn acknowledged(&self, source: &PinnedSource, took: Duration) {
        source.gauge.acknowledged(took);
    }

    fn accept(
        &self,
        source: &PinnedSource,
        accepted: Accepted,
        now: WallTime,
        trace: Option<&TraceContext>,
    ) -> impl Future<Output = Result<Vec<Recorded>, LedgerError>> + Send {
        if let Some(secret) = accepted.secret {
            self.secret_uses.count(source, secret, now);
        }
        let events = accepted.events.into_inner();
        let told: Vec<_> = events.iter().map(|event| told(source, event)).collect();
        let events = events.into_iter().zip(&told);
        let events =
            events.map(|(event, told)| new_event(source, event, (told.as_ref(), now), trace));
        let recording = self.ledger.record(events.collect());
        async move {
            let recorded = recording.await?;
            source.gauge.recorded(&recorded, now);
            for (recorded, told) in recorded.iter().zip(&told) {
                self.notice(source, recorded, told.as_ref(), now);
            }
            Ok(recorded)
        }
    }
}

impl Core {
    /// Tells the operator of a recorded event, if there is something to tell.
    fn notice(
        &self,
        source: &PinnedSource,
        recorded: &Recorded,
        told: Option<&Told>,
        now: WallTime,
    ) {
        let (id, same_bytes_as) = match recorded {
            Recorded::New(id) => (id, None),
            Recorded::Marked { id, same_bytes_as } => (id, Some(same_bytes_as)),
            Recorded::Duplicate { .. } => return,
        };
        let count = |notice, reason: &dyn fmt::Display| {
            self.notices.count(&source.name, notice, id, reason, now);
        };
        if let Some(told) = told {
            count(told.notice, &told.reason);
        }
        if let Some(first) = same_bytes_as {
            count(
                Notice::SameBytes,
                &format!("event {first} has the same bytes"),
            );
        }
    }
}

/// What is noticed about an event before it is recorded.
struct Told {
    notice: Notice,
    reason: String,
}

/// What an operator should know of an event.
fn told(source: &PinnedSource, event: &ProviderEvent) -> Option<Told> {
    if let Some(why) = &event.unreadable {
        return Some(Told {
            notice: Notice::Unreadable,
            reason: why.to_string(),
        });
    }
    let wanted = source.settings.livemode?;
    if event.live.is_none_or(|live| live == wanted) {
        return None;
    }
    Some(Told {
        notice: Notice::OtherMode,
        reason: format!("`livemode` of the source is {wanted}"),
    })
}

/// A verified event with its id, its dedup keys and its handlers.
fn new_event(
    source: &PinnedSource,
    event: ProviderEvent,
    (told, now): (Option<&Told>, WallTime),
    trace: Option<&TraceContext>,
) -> NewEvent {
    let key = |basis: &DedupBasis| DedupKey::new(&source.name, basis);
    let metadata = metadata(&event, trace);
    let event_in_ledger = Event {
        id: EventId::generate(now),
        source: source.name.clone(),
        provider_id: event.provider_id,
        kind: event.kind,
        subject: event.subject,
        account: event.account,
        created: event.created,
        received: now,
        headers: event.headers,
        metadata,
        depth: 0,
        payload: event.payload,
    };
    let handlers = match told {
        Some(Told {
            notice: Notice::OtherMode,
            ..
        }) => Vec::new(),
        _ => source.generation.routes.recipients(&event_in_ledger),
    };
    let resolve = source.resolve.as_ref();
    // An event that goes to no handler stands for no twin.
    let twin = twin_key(source, &event_in_ledger).filter(|_| !handlers.is_empty());
    // A thin event about which nothing is asked is resolved too, to nothing, if it has a twin: then
    // it does not stand for the twin.
    let is_thin = resolve.is_some_and(|resolve| {
        matches!(twin, Some(Twin::OfThin(_))) || is_asked(resolve, &event_in_ledger.payload)
    });
    let more = event.more_dedup.iter().map(key);
    NewEvent {
        form: match twin {
            _ if is_thin => EventForm::Thin,
            Some(Twin::OfSnapshot(key)) => EventForm::Snapshot(key),
            _ => EventForm::Whole,
        },
        dedup: key(&event.dedup),
        more_dedup: more.chain(twin.and_then(Twin::of_thin)).collect(),
        event: event_in_ledger,
        equal_bytes: match &event.equal_bytes {
            EqualBytes::SameFact => tollgate_ledger::EqualBytes::SameFact,
            EqualBytes::DuplicateWithin(within) => {
                tollgate_ledger::EqualBytes::DuplicateWithin(*within)
            }
            EqualBytes::MarkedWithin {
                bytes,
                within,
                routed,
            } => tollgate_ledger::EqualBytes::MarkedWithin {
                bytes: key(bytes),
                within: *within,
                routed: *routed,
            },
        },
        handlers,
    }
}

/// The key that a snapshot event shares with the thin event that names it.
#[derive(Clone, Copy)]
enum Twin {
    /// The event at hand is the thin one.
    OfThin(DedupKey),
    /// The event at hand is the snapshot.
    OfSnapshot(DedupKey),
}

impl Twin {
    /// The key, if the event at hand is the thin one.
    fn of_thin(self) -> Option<DedupKey> {
        match self {
            Self::OfThin(key) => Some(key),
            Self::OfSnapshot(_) => None,
        }
    }
}

/// The key that an event shares with its twin, if the source tells twins.
fn twin_key(source: &PinnedSource, event: &Event) -> Option<Twin> {
    if !source.twins || event.kind == UNREADABLE {
        return None;
    }
    match Notification::read(&event.payload) {
        Some(thin) => {
            let snapshot = thin.snapshot_event?;
            Some(Twin::OfThin(DedupKey::of_twins(&snapshot)))
        }
        None => {
            let id = event.provider_id.as_ref()?;
            Some(Twin::OfSnapshot(DedupKey::of_twins(id)))
        }
    }
}

/// The facts that the gateway adds to an event.
pub(crate) fn metadata(
    event: &ProviderEvent,
    trace: Option<&TraceContext>,
) -> Vec<(String, String)> {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let live = event.live.map(|live| pair(LIVEMODE, live.to_string()));
    let why = event.unreadable.as_ref();
    let why = why.map(|why| pair(UNREADABLE, why.to_string()));
    let trace = trace.into_iter().flat_map(TraceContext::to_owned_pairs);
    live.into_iter().chain(why).chain(trace).collect()
}
