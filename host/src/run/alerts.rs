//! The thread that watches for alerts.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::alerts::{Facts, HandlerFacts, SourceFacts, Watcher};
use crate::dispatch::BreakerState;
use crate::generation::ComponentStatus;
use crate::run::core::Core;
use tollgate_base::thread::OwnedThread;
use tollgate_base::time::SteadyClock;

/// The time between two looks.
const LOOK: Duration = Duration::from_secs(2);

/// Starts the thread.
pub(super) fn watch(core: Arc<Core>, clock: Arc<SteadyClock>) -> std::io::Result<OwnedThread> {
    let gateway = machine_name();
    OwnedThread::start("alerts", move |stop| {
        let mut watcher = None;
        // The first look comes when the first totals of the ledger are there.
        while !stop.wait(LOOK) {
            let facts = core.facts(&clock, &gateway);
            core.look_for_alerts(&mut watcher, &facts);
        }
    })
}

/// The name of the machine, which receivers are told.
fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "tollgate".to_owned(),
        name => name.to_owned(),
    }
}

impl Core {
    /// Looks for alerts that start or end.
    fn look_for_alerts(&self, watcher: &mut Option<Watcher>, facts: &Facts) {
        let opened = match watcher {
            Some(watcher) => Ok(watcher),
            None => Watcher::open(&*self.ledger).map(|opened| watcher.insert(opened)),
        };
        let alerts = self.current.load().manifest.alerts.clone();
        let looked = opened.and_then(|watcher| {
            watcher.look(&alerts, facts, &*self.ledger)?;
            *self.alerts.lock() = watcher.lasting().cloned().collect();
            Ok(())
        });
        if let Err(error) = looked {
            // The log says already that the ledger cannot be written.
            tracing::debug!(%error, "alerts wait for the ledger");
        }
    }

    /// The facts by now.
    fn facts(&self, clock: &SteadyClock, gateway: &str) -> Facts {
        let generation = self.current.load();
        let queues = self.dispatcher.status().into_iter();
        let queues: std::collections::HashMap<_, _> = queues.collect();
        let handlers = generation.handlers.iter().map(|(name, loaded)| {
            let breaker = queues.get(name).map(|queue| queue.gate.breaker);
            HandlerFacts {
                name: name.clone(),
                breaker_open: !matches!(breaker, None | Some(BreakerState::Closed)),
                rolled_back: matches!(loaded.status(), ComponentStatus::InPlaceOf(_)),
            }
        });
        Facts {
            now: self.clock.now(),
            steady: clock.now(),
            gateway: gateway.to_owned(),
            handlers: handlers.collect(),
            sources: self.source_facts(&generation.manifest),
            died: self.totals.lock().as_ref().map(|totals| totals.counts.died),
            backlog_age: self.backlog.age(),
            certificates: self.certificate_ends(&generation),
            disk_free: self.disk.space().map(|space| space.free_share()),
            reload_failing: self.current.trouble().is_some(),
        }
    }

    fn source_facts(&self, manifest: &crate::settings::Manifest) -> Vec<SourceFacts> {
        let rejected = self.rejections.snapshot();
        let sources = manifest.sources.values().map(|source| {
            let gauge = self.sources.of(&source.name);
            let refused = rejected.iter();
            let refused = refused.filter(|of| of.source.as_ref() == Some(&source.name));
            let secrets = source.settings.secrets.iter();
            SourceFacts {
                name: source.name.clone(),
                events: gauge.new_events() + gauge.duplicates(),
                acknowledged: gauge.acknowledgements().count(),
                refused: refused.map(|of| of.count).sum(),
                secrets: secrets.map(|secret| secret.expires).collect(),
            }
        });
        sources.collect()
    }

    /// The alerts that last, as status shows them.
    pub(crate) fn alerts_json(&self) -> Value {
        let lasting = self.alerts.lock();
        let shown = lasting.iter().map(|alert| {
            let about = serde_json::from_str::<Value>(&alert.text).unwrap_or_default();
            json!({ "key": alert.key, "since_ms": alert.since, "text": about["text"] })
        });
        Value::Array(shown.collect())
    }
}
