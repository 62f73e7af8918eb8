//! The calls in native builds: [`crate::testing::Host`] answers them.

use crate::error::{EffectProblem, ScheduleProblem, StateProblem};
use crate::memory::with_current;
use crate::values::{Answer, EntryParts, EventParts, Level, RequestParts};

pub(crate) fn config_get(key: &str) -> Option<String> {
    with_current(|run| run.config.get(key).cloned())
}

pub(crate) fn config_entries() -> Vec<(String, String)> {
    with_current(|run| run.config.clone().into_iter().collect())
}

pub(crate) fn state_get(key: &str) -> Result<Option<Vec<u8>>, StateProblem> {
    with_current(|run| run.get(key))
}

pub(crate) fn state_set(key: &str, value: &[u8]) -> Result<(), StateProblem> {
    with_current(|run| run.set(key, value))
}

pub(crate) fn state_delete(key: &str) -> Result<(), StateProblem> {
    with_current(|run| run.delete(key))
}

pub(crate) fn state_list(
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<(String, Vec<u8>)>, StateProblem> {
    with_current(|run| Ok(run.list(prefix, after, limit)))
}

pub(crate) fn state_add(key: &str, delta: i64) -> Result<(), StateProblem> {
    with_current(|run| run.add(key, delta))
}

pub(crate) fn outbox_send(request: RequestParts) -> Result<String, EffectProblem> {
    with_current(|run| run.send(request))
}

#[cfg(feature = "http")]
pub(crate) fn http_send(
    request: &crate::values::HttpParts,
) -> Result<crate::values::HttpAnswer, crate::error::HttpProblem> {
    with_current(|run| run.ask(request))
}

pub(crate) fn emit(event: EventParts) -> Result<String, EffectProblem> {
    with_current(|run| run.emit(event))
}

pub(crate) fn schedule_put(key: &str, entry: EntryParts) -> Result<(), ScheduleProblem> {
    with_current(|run| run.put(key, entry))
}

pub(crate) fn schedule_cancel(key: &str) -> Result<(), ScheduleProblem> {
    with_current(|run| run.cancel(key))
}

pub(crate) fn resolved_object() -> Option<Answer> {
    with_current(|run| run.resolved.object.clone())
}

pub(crate) fn resolved_event() -> Option<Answer> {
    with_current(|run| run.resolved.event.clone())
}

pub(crate) fn log(level: Level, message: &str, fields: Vec<(String, String)>) {
    with_current(|run| run.log(level, message, fields));
}

/// Does nothing: a panic fails its test and shows its message there.
pub(crate) fn log_panics() {}
