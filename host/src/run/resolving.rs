//! The status of events that wait for their objects.

use serde_json::{Map, Value, json};

use crate::resolve::Handle;
use crate::run::core::Core;
use tollgate_ledger::WaitingResolutions;

impl Core {
    /// The sources that resolve events or have events that wait, with what became of their
    /// questions, as status shows them.
    pub(crate) fn resolving_json(&self) -> Value {
        let current = self.current.load_full();
        let tallies = self.resolver.get().map(Handle::tallies).unwrap_or_default();
        let mut shown = Map::new();
        for source in current.manifest.sources.values() {
            let Some(resolve) = &source.resolve else {
                continue;
            };
            let tally = tallies.get(&source.name).cloned().unwrap_or_default();
            let status = json!({
                "host": resolve.origin.to_string(),
                "rate": resolve.rate.to_string(),
                "waiting": 0,
                "to_mend": 0,
                "requests": tally.requests,
                "answered": tally.answered,
                "gone": tally.gone,
                "again": tally.again,
                "refused": tally.to_mend,
                "rests_until_ms": tally.rests_until,
            });
            shown.insert(source.name.to_string(), status);
        }
        for waiting in self.ledger.waiting_resolutions().unwrap_or_default() {
            let entry = shown.entry(waiting.source.to_string());
            let status = entry.or_insert_with(|| json!({}));
            status["waiting"] = waiting.waiting.into();
            status["to_mend"] = waiting.to_mend.into();
            status["oldest_ms"] = json!(waiting.oldest);
            if let Some((code, error)) = &waiting.last {
                status["last_status"] = json!(code);
                status["last_error"] = json!(error);
            }
        }
        Value::Object(shown)
    }

    /// What an operator has to mend so that events get their objects.
    pub(crate) fn resolving_warnings(&self) -> Vec<String> {
        let waiting = self.ledger.waiting_resolutions().unwrap_or_default();
        let to_mend = waiting.iter().filter_map(|of| self.resolving_warning(of));
        to_mend.collect()
    }

    fn resolving_warning(&self, of: &WaitingResolutions) -> Option<String> {
        let (source, waiting) = (&of.source, of.waiting);
        if !self.current.load().manifest.sources.contains_key(source) {
            return Some(format!(
                "{waiting} events of source `{source}` wait for their objects, and the source is \
                 not in the manifest"
            ));
        }
        let (_, error) = of.last.as_ref().filter(|_| of.to_mend > 0)?;
        Some(format!(
            "{waiting} events of source `{source}` wait for their objects: {error}"
        ))
    }
}
