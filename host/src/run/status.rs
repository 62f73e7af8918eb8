//! The status of the gateway as JSON, and its readiness.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::dispatch::BudgetStatus;
use crate::generation::{ComponentStatus, Generation};
use crate::outbox;
use crate::run::certificates::certificates_json;
use crate::run::core::Core;
use crate::run::handler_view::HandlerStatus;
use crate::server::Readiness;
use tollgate_base::time::WallTime;
use tollgate_ledger::Counts;

impl Core {
    /// Whether the gateway accepts events now.
    pub(crate) fn readiness(&self) -> Readiness {
        let reasons = self.reasons();
        match reasons[..] {
            [] => Readiness::Ready(self.warnings()),
            _ => Readiness::NotReady(reasons),
        }
    }

    /// The status of all parts, for operators, as a JSON object. May block.
    pub(crate) fn status(&self) -> Value {
        let generation = self.current.load();
        let mut ledger = match self.ledger.counts() {
            Ok(counts) => counts_json(&counts, Some(self.ledger.writable())),
            Err(error) => json!({ "writable": self.ledger.writable(), "error": error.to_string() }),
        };
        ledger["log"] = self.log.json();
        ledger["restored"] = json!(*self.restore.lock());
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
            "alerts": self.alerts_json(),
            "guests": self.guests_json(),
            "rejections": self.rejections_json(),
            "odd": self.rejections.odd().collect::<HashMap<_, _>>(),
            "notices": self.notices.json(),
            "resolving": self.resolving_json(),
            "held_hosts_until_ms": self.held_hosts_json(),
            "secrets": self.secrets_json(&generation),
            "acme": self.tls.acme_json(self.clock.now()),
            "tls": certificates_json(&generation.manifest, self.clock.now()),
        })
    }

    /// Why events are not accepted now. Empty if they are. Does not read the ledger.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let mut reasons = self.backlog.over();
        if !self.ledger.writable() {
            reasons.push("the ledger cannot be written".to_owned());
        }
        reasons.extend(self.log.danger());
        reasons.extend(self.disk.danger());
        reasons
    }

    /// What an operator should look at, although events are accepted. Everybody may ask for
    /// readiness, so no text has parts of a file.
    fn warnings(&self) -> Vec<String> {
        let restored = self.restore.lock().map(|restore| restore.to_string());
        let mut warnings: Vec<_> = restored.into_iter().chain(self.log.warning()).collect();
        warnings.extend(self.disk.warning());
        warnings.extend(self.resolving_warnings());
        warnings.extend(self.generation_warnings());
        warnings
    }

    /// Warns of a generation that could not be loaded, and of components that are kept out.
    fn generation_warnings(&self) -> Vec<String> {
        let generation = self.current.load();
        let failed = self.current.trouble().map(|_| {
            "the manifest or a component as it is cannot be loaded, so an earlier generation \
             serves; `tollgate status` has the reason"
                .to_owned()
        });
        let handlers = generation.handlers.iter();
        let kept_out = handlers.filter_map(|(name, loaded)| match loaded.status() {
            ComponentStatus::InPlaceOf(_) => Some(format!(
                "handler `{name}` runs an earlier component, because the one in its file failed \
                 its trial"
            )),
            _ => None,
        });
        failed.into_iter().chain(kept_out).collect()
    }

    /// The trouble of the serving generation: its files are not the present ones, or a
    /// component is rolled back. `None` if nothing is wrong.
    pub(crate) fn trouble(&self, generation: &Generation) -> Option<String> {
        let files = self.current.trouble();
        let kept_out =
            generation
                .handlers
                .iter()
                .filter_map(|(name, loaded)| match loaded.status() {
                    ComponentStatus::InPlaceOf(rolled_back) => {
                        Some(format!("handler `{name}`: {rolled_back}"))
                    }
                    _ => None,
                });
        let all: Vec<_> = files.into_iter().chain(kept_out).collect();
        (!all.is_empty()).then(|| all.join("\n"))
    }

    fn handlers_json(&self, generation: &Generation) -> Value {
        let queues: HashMap<_, _> = self.dispatcher.status().into_iter().collect();
        let durations: HashMap<_, _> = self.dispatcher.durations().into_iter().collect();
        let handlers = generation.handlers.iter().map(|(name, loaded)| {
            let queue = queues.get(name).copied().unwrap_or_default();
            let took = durations.get(name).map(|of| &**of);
            (
                name.to_string(),
                json!(HandlerStatus::of(loaded, &queue, took)),
            )
        });
        Value::Object(handlers.collect())
    }

    fn guests_json(&self) -> Value {
        let BudgetStatus { reserved, limit } = self.dispatcher.budget();
        json!({
            "running": reserved.threads + reserved.waiting,
            "may_wait": reserved.waiting,
            "memory_reserved": reserved.memory,
            "memory_limit": limit.memory,
        })
    }

    fn secrets_json(&self, generation: &Generation) -> Value {
        let now = self.clock.now();
        let sources = generation.manifest.sources.values();
        let shown = sources.map(|source| {
            let secrets = self.secret_uses.views(source, now);
            let numbered = secrets
                .iter()
                .map(|one| (one.number.to_string(), json!(one)));
            (source.name.to_string(), Value::Object(numbered.collect()))
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

/// The counts of the ledger as status shows them.
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
        "resolving": counts.resolving,
        "resolved": counts.resolved,
        "resolved_gone": counts.resolved_gone,
        "scheduled": counts.scheduled,
        "outbox": named(counts.outbox.iter().map(|(state, n)| (state.name(), *n)).collect()),
    })
}
