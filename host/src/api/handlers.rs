//! `GET /api/handlers`.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::event::HandlerName;
use crate::gateway::Core;
use crate::manifest::{Handler, Manifest};
use crate::server::ApiAnswer;

pub(super) fn list(core: &Core) -> Result<ApiAnswer, ApiAnswer> {
    let generation = core.current.load_full();
    let digests = generation.digests();
    let lanes: HashMap<_, _> = core.dispatcher.status().into_iter().collect();
    let mut items = entries(&generation.manifest, &core.records.handlers()?);
    for item in &mut items {
        let name = HandlerName::new(item["name"].as_str().unwrap_or_default());
        if let Some(digest) = digests.get(&name) {
            let lane = lanes.get(&name).copied().unwrap_or_default();
            item["component"] = digest.to_string().into();
            item["queued"] = lane.queued.into();
            item["running"] = lane.running.into();
        }
    }
    Ok(ApiAnswer::ok(json!({ "items": items })))
}

/// The handlers of a manifest and those that the ledger has met, when no gateway runs.
pub(crate) fn offline(manifest: &Manifest, met: &[HandlerName]) -> Value {
    json!({ "items": entries(manifest, met) })
}

/// Handlers of the manifest, then those that left it, each by name.
fn entries(manifest: &Manifest, met: &[HandlerName]) -> Vec<Value> {
    let present = manifest.handlers.values().map(|handler| entry(handler));
    let absent = met
        .iter()
        .filter(|name| !manifest.handlers.contains_key(*name))
        .map(|name| json!({ "name": name.as_str(), "present": false }));
    present.chain(absent).collect()
}

fn entry(handler: &Handler) -> Value {
    json!({
        "name": handler.name.as_str(),
        "present": true,
        "file": handler.component.display().to_string(),
        "concurrency": handler.concurrency,
        "timeout_ms": u64::try_from(handler.limits.timeout.as_millis()).unwrap_or(u64::MAX),
        "attempts": handler.retry.attempts,
    })
}
