//! The gateway as the backend of the ingress: sources, keys, and the record of verified events.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::generation::Generation;
use crate::keys::KeyUnavailable;
use crate::run::core::Core;
use crate::server::{IngressBackend, SenderRules};
use crate::settings::Source;
use tollgate_base::event::{DedupKey, Event, EventId};
use tollgate_base::time::WallTime;
use tollgate_ledger::{LedgerError, NewEvent, Recorded};
use tollgate_scheme::{Accepted, FetchedKey, ProviderEvent};

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

impl IngressBackend for Core {
    type Source = PinnedSource;

    fn source(&self, path: &str) -> Option<PinnedSource> {
        let generation = self.current.load_full();
        let source = generation.source(path)?.clone();
        Some(PinnedSource { generation, source })
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

/// A verified event with its id, its dedup keys and its handlers.
fn new_event(source: &PinnedSource, event: ProviderEvent, now: WallTime) -> NewEvent {
    let dedup = DedupKey::new(&source.name, &event.dedup);
    let further = event.more_dedup.iter();
    let more_dedup = further
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
        more_dedup,
        handlers,
    }
}
