//! No gateway behind the calls, but [`crate::testing::Host`], in native builds.

use crate::error::{EffectProblem, ScheduleProblem, StateProblem};
use crate::log::Level;
use crate::testing::fake::with_run;
use crate::{emit, outbox, schedule};

pub(crate) fn config_get(key: &str) -> Option<String> {
    with_run(|run| run.config.get(key).cloned())
}

pub(crate) fn config_entries() -> Vec<(String, String)> {
    with_run(|run| run.config.clone().into_iter().collect())
}

pub(crate) fn state_get(key: &str) -> Result<Option<Vec<u8>>, StateProblem> {
    with_run(|run| run.get(key))
}

pub(crate) fn state_set(key: &str, value: &[u8]) -> Result<(), StateProblem> {
    with_run(|run| run.set(key, value))
}

pub(crate) fn state_delete(key: &str) -> Result<(), StateProblem> {
    with_run(|run| run.delete(key))
}

pub(crate) fn state_list(
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<(String, Vec<u8>)>, StateProblem> {
    with_run(|run| Ok(run.list(prefix, after, limit)))
}

pub(crate) fn state_add(key: &str, delta: i64) -> Result<(), StateProblem> {
    with_run(|run| run.add(key, delta))
}

pub(crate) fn outbox_send(request: outbox::Parts) -> Result<String, EffectProblem> {
    with_run(|run| run.send(request))
}

pub(crate) fn emit(event: emit::Parts) -> Result<String, EffectProblem> {
    with_run(|run| run.emit(event))
}

pub(crate) fn schedule_put(key: &str, entry: schedule::Parts) -> Result<(), ScheduleProblem> {
    with_run(|run| run.put(key, entry))
}

pub(crate) fn schedule_cancel(key: &str) -> Result<(), ScheduleProblem> {
    with_run(|run| run.cancel(key))
}

pub(crate) fn log(level: Level, message: &str, fields: Vec<(String, String)>) {
    with_run(|run| run.log(level, message, fields));
}

/// A panic fails the test that it happens in, with its message.
pub(crate) fn log_panics() {}
