//! Gathers the figures of one scrape from the parts of the gateway. Nothing here reads the ledger:
//! a thread reads the totals every second.

use std::collections::{BTreeMap, HashMap};

use crate::dispatch::{BreakerState, BudgetStatus, Runnable};
use crate::generation::{ComponentStatus, Generation};
use crate::metrics::{
    Breaker, Figures, GenerationFigures, HandlerFigures, SecretFigures, SourceFigures,
};
use crate::outbox;
use crate::run::core::Core;
use crate::telemetry;
use tollgate_base::time::WallTime;

impl Core {
    /// The figures by now.
    pub(crate) fn figures(&self) -> Figures {
        let generation = self.current.load();
        let now = self.clock.now();
        let totals = self.totals.lock().clone().unwrap_or_default();
        let BudgetStatus { reserved, limit } = self.dispatcher.budget();
        let tries = self.outbox.get().map(outbox::Handle::durations);
        let waited = |since: WallTime| now.since(since).as_secs_f64();
        Figures {
            ready: self.reasons().is_empty(),
            sources: self.source_figures(&generation),
            rejections: self.rejection_figures(),
            odd: self.rejections.odd().collect(),
            notices: self.notices.counts(),
            certificates: self.certificate_ends(&generation),
            handlers: self.handler_figures(&generation),
            guests_running: reserved.threads + reserved.waiting,
            guest_memory: reserved.memory,
            guest_memory_limit: limit.memory,
            oldest_due: self.backlog.age().as_secs_f64(),
            oldest_request: totals.oldest_request.map_or(0.0, waited),
            totals,
            tries: tries.into_iter().flatten().collect(),
            writable: self.ledger.writable(),
            wal_bytes: self.log.bytes(),
            disk: self.disk.space().map(|space| (space.free, space.all)),
            commits: self.ledger.commits(),
            generation: self.generation_figures(&generation),
            alerts: self.alert_figures(&generation),
            admin_requests: self.admin_figures(),
            exports: telemetry::exports(),
            process: self.process.read(),
        }
    }

    fn source_figures(&self, generation: &Generation) -> Vec<SourceFigures> {
        let sources = generation.manifest.sources.values();
        let figures = sources.map(|source| {
            let gauge = self.sources.of(&source.name);
            let secrets = source.settings.secrets.iter();
            let matched = self.secret_uses.matched(source);
            SourceFigures {
                name: source.name.to_string(),
                new_events: gauge.new_events(),
                duplicates: gauge.duplicates(),
                last: gauge.last(),
                acknowledgements: gauge.acknowledgements(),
                secrets: secrets
                    .zip(matched)
                    .map(|(secret, matched)| SecretFigures {
                        matched,
                        expires: secret.expires,
                    })
                    .collect(),
            }
        });
        figures.collect()
    }

    fn rejection_figures(&self) -> Vec<(String, &'static str, u64)> {
        let rejected = self.rejections.snapshot().into_iter();
        rejected
            .map(|of| {
                let source = of
                    .source
                    .map_or_else(|| "-".to_owned(), |name| name.to_string());
                (source, of.code, of.count)
            })
            .collect()
    }

    fn handler_figures(&self, generation: &Generation) -> Vec<HandlerFigures> {
        let queues: HashMap<_, _> = self.dispatcher.status().into_iter().collect();
        let mut durations: HashMap<_, _> = self.dispatcher.durations().into_iter().collect();
        let handlers = generation.handlers.iter().map(|(name, loaded)| {
            let queue = queues.get(name).copied().unwrap_or_default();
            HandlerFigures {
                name: name.to_string(),
                component: loaded.digest().to_string(),
                durations: durations.remove(name).unwrap_or_default(),
                queued: queue.queued,
                running: queue.running,
                breaker: match queue.gate.breaker {
                    BreakerState::Closed => Breaker::Closed,
                    BreakerState::HalfOpen => Breaker::HalfOpen,
                    BreakerState::Open { .. } => Breaker::Open,
                },
                paused: queue.gate.paused.is_some(),
                rolled_back: matches!(loaded.status(), ComponentStatus::InPlaceOf(_)),
            }
        });
        handlers.collect()
    }

    fn generation_figures(&self, generation: &Generation) -> GenerationFigures {
        let reloads = self.current.reloads();
        GenerationFigures {
            number: generation.number,
            loaded: generation.loaded,
            origin: generation.origin.name(),
            failing: self.current.trouble().is_some(),
            reloads_loaded: reloads.loaded,
            reloads_failed: reloads.failed,
        }
    }

    /// How many alerts last, for each alert of the manifest.
    fn alert_figures(&self, generation: &Generation) -> Vec<(String, usize)> {
        let lasting = self.alerts.lock();
        let alerts = generation.manifest.alerts.alerts.iter();
        let counted = alerts.map(|alert| {
            let is_of = |key: &str| key.split('/').next() == Some(alert.name.as_str());
            let many = lasting.iter().filter(|lasting| is_of(&lasting.key));
            (alert.name.clone(), many.count())
        });
        counted.collect()
    }

    fn admin_figures(&self) -> Vec<(&'static str, u16, u64)> {
        let calls = self.admin_calls.read().into_iter();
        calls
            .map(|((resource, status), count)| (resource, status, count))
            .collect()
    }

    /// The ends of the certificates of the ingress. Of two with one name, the earlier end counts.
    pub(crate) fn certificate_ends(&self, generation: &Generation) -> Vec<(String, WallTime)> {
        let files = generation.manifest.tls.iter();
        let files = files.flat_map(|tls| &tls.certificates);
        let issued = self.tls.issued();
        let certificates = files
            .map(|file| &file.certificate)
            .chain(issued.as_ref())
            .map(|certificate| (certificate.name(), certificate.not_after()));
        let mut ends = BTreeMap::new();
        for (name, end) in certificates {
            let earliest = ends.entry(name).or_insert(end);
            *earliest = (*earliest).min(end);
        }
        ends.into_iter().collect()
    }
}
