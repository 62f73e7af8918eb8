//! `GET /api/handlers`, `POST /api/handlers/NAME/pause` and `…/resume`.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::answers::bad_request;
use crate::run::{Core, handler_json, pause_json};
use crate::server::ApiAnswer;
use crate::settings::{AlertReceiver, Handler, Manifest};
use tollgate_base::event::HandlerName;
use tollgate_ledger::Pause;

pub(super) fn list(core: &Core) -> Result<ApiAnswer, ApiAnswer> {
    let generation = core.current.load_full();
    let queues: HashMap<_, _> = core.dispatcher.status().into_iter().collect();
    let mut items = entries(&generation.manifest, &core.records.handlers()?);
    for item in &mut items {
        let name = HandlerName::new(item["name"].as_str().unwrap_or_default());
        if let Some(loaded) = generation.handlers.get(&name) {
            let queue = queues.get(&name).copied().unwrap_or_default();
            let status = handler_json(loaded, &queue);
            let fields = status.as_object().into_iter().flatten();
            fields.for_each(|(key, value)| item[key] = value.clone());
        } else if let Some(pause) = core.dispatcher.pause_of(&name) {
            item["paused"] = pause_json(pause);
        }
    }
    Ok(ApiAnswer::ok(json!({ "items": items })))
}

/// Pauses a handler; with `{"outbox": true}` its requests wait too. Answers with the number of its
/// runs that are under way.
pub(super) fn pause(core: &Core, name: &str, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    let outbox = match body.get("outbox") {
        None => false,
        Some(outbox) => outbox
            .as_bool()
            .ok_or_else(|| bad_request("`outbox` is true or false"))?,
    };
    let name = HandlerName::new(name);
    let pause = core.pause(&name, outbox)?;
    let queues = core.dispatcher.status();
    let queue = queues.into_iter().find(|(handler, _)| *handler == name);
    let running = queue.map_or(0, |(_, queue)| queue.running);
    let paused = pause_json(pause);
    Ok(ApiAnswer::ok(
        json!({ "name": name.as_str(), "paused": paused, "running": running }),
    ))
}

/// Resumes a handler.
pub(super) fn resume(core: &Core, name: &str) -> Result<ApiAnswer, ApiAnswer> {
    let name = HandlerName::new(name);
    let was_paused = core.resume(&name)?;
    Ok(ApiAnswer::ok(
        json!({ "name": name.as_str(), "paused": null, "was_paused": was_paused }),
    ))
}

/// The list of handlers while no gateway runs: those of the manifest and those that the ledger
/// knows, with their pauses.
pub(crate) fn offline(
    manifest: &Manifest,
    known: &[HandlerName],
    pauses: &[(HandlerName, Pause)],
) -> Value {
    let mut items = entries(manifest, known);
    for item in &mut items {
        let paused = pauses
            .iter()
            .find(|(name, _)| item["name"] == name.as_str());
        item["paused"] = paused.map_or(Value::Null, |(_, pause)| pause_json(*pause));
    }
    json!({ "items": items })
}

/// The handlers of the manifest, then those that left the manifest, each by name.
fn entries(manifest: &Manifest, known: &[HandlerName]) -> Vec<Value> {
    let present = manifest.handlers.values().map(|handler| entry(handler));
    let absent = known
        .iter()
        .filter(|name| !manifest.handlers.contains_key(*name))
        // Notices about alerts wait in the outbox under names of their own.
        .filter(|name| AlertReceiver::of_outbox_name(name).is_none())
        .map(|name| json!({ "name": name.as_str(), "present": false }));
    present.chain(absent).collect()
}

fn entry(handler: &Handler) -> Value {
    json!({
        "name": handler.name.as_str(),
        "present": true,
        "file": handler.component.display().to_string(),
        "concurrency": handler.concurrency,
        "timeout_ms": u64::try_from(handler.guest.limits.timeout.as_millis()).unwrap_or(u64::MAX),
        "attempts": handler.retry.attempts,
    })
}
