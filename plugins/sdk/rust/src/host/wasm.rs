//! The calls in WebAssembly: the imports of the component.

use crate::bindings::tollgate::handler as wit;
use crate::error::{EffectProblem, ScheduleProblem, StateProblem};
use crate::values::{Answer, Due, EntryParts, EventParts, Level, RequestParts};

pub(crate) fn config_get(key: &str) -> Option<String> {
    wit::config::get(key)
}

pub(crate) fn config_entries() -> Vec<(String, String)> {
    wit::config::entries()
}

pub(crate) fn state_get(key: &str) -> Result<Option<Vec<u8>>, StateProblem> {
    Ok(wit::state::get(key)?)
}

pub(crate) fn state_set(key: &str, value: &[u8]) -> Result<(), StateProblem> {
    Ok(wit::state::set(key, value)?)
}

pub(crate) fn state_delete(key: &str) -> Result<(), StateProblem> {
    Ok(wit::state::delete(key)?)
}

pub(crate) fn state_list(
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<(String, Vec<u8>)>, StateProblem> {
    Ok(wit::state::list(prefix, after, limit)?)
}

pub(crate) fn state_add(key: &str, delta: i64) -> Result<(), StateProblem> {
    Ok(wit::state::add(key, delta)?)
}

pub(crate) fn outbox_send(request: RequestParts) -> Result<String, EffectProblem> {
    let request = wit::outbox::Request {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        order_key: request.order_key,
        respond: request.respond,
    };
    Ok(wit::outbox::send(&request)?)
}

pub(crate) fn emit(event: EventParts) -> Result<String, EffectProblem> {
    let event = wit::emit::NewEvent {
        kind: event.kind,
        subject: event.subject,
        payload: event.payload,
    };
    Ok(wit::emit::emit(&event)?)
}

pub(crate) fn schedule_put(key: &str, entry: EntryParts) -> Result<(), ScheduleProblem> {
    let entry = wit::schedule::Entry {
        due: match entry.due {
            Due::After(delay) => {
                wit::schedule::Due::AfterMs(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX))
            }
            Due::AtMs(time) => wit::schedule::Due::AtMs(time),
        },
        kind: entry.kind,
        subject: entry.subject,
        payload: entry.payload,
    };
    Ok(wit::schedule::put(key, &entry)?)
}

pub(crate) fn schedule_cancel(key: &str) -> Result<(), ScheduleProblem> {
    Ok(wit::schedule::cancel(key)?)
}

pub(crate) fn resolved_object() -> Option<Answer> {
    wit::resolved::object().map(Answer::from)
}

pub(crate) fn resolved_event() -> Option<Answer> {
    wit::resolved::event().map(Answer::from)
}

impl From<wit::resolved::Answer> for Answer {
    fn from(answer: wit::resolved::Answer) -> Self {
        Answer {
            read_ms: answer.read_ms,
            body: answer.body,
        }
    }
}

pub(crate) fn log(level: Level, message: &str, fields: Vec<(String, String)>) {
    let level = match level {
        Level::Trace => wit::log::Level::Trace,
        Level::Debug => wit::log::Level::Debug,
        Level::Info => wit::log::Level::Info,
        Level::Warn => wit::log::Level::Warn,
        Level::Error => wit::log::Level::Error,
    };
    wit::log::log(level, message, &fields);
}

/// Logs the message of a panic before the instance traps, because a trap carries no message.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        wit::log::log(wit::log::Level::Error, &panic.to_string(), &[]);
    }));
}

impl From<wit::state::Error> for StateProblem {
    fn from(error: wit::state::Error) -> Self {
        match error {
            wit::state::Error::InvalidKey => StateProblem::InvalidKey,
            wit::state::Error::NotACounter => StateProblem::NotACounter,
            wit::state::Error::TooLarge => StateProblem::TooLarge,
        }
    }
}

impl From<wit::schedule::Error> for ScheduleProblem {
    fn from(error: wit::schedule::Error) -> Self {
        match error {
            wit::schedule::Error::InvalidKey => ScheduleProblem::InvalidKey,
            wit::schedule::Error::Invalid(why) => ScheduleProblem::Invalid(why),
            wit::schedule::Error::TooLarge => ScheduleProblem::TooLarge,
        }
    }
}

impl From<wit::outbox::Error> for EffectProblem {
    fn from(error: wit::outbox::Error) -> Self {
        match error {
            wit::outbox::Error::Invalid(why) => EffectProblem::Invalid(why),
            wit::outbox::Error::NotAllowed(origin) => EffectProblem::NotAllowed(origin),
            wit::outbox::Error::TooDeep => EffectProblem::TooDeep,
            wit::outbox::Error::TooLarge => EffectProblem::TooLarge,
        }
    }
}

impl From<wit::emit::Error> for EffectProblem {
    fn from(error: wit::emit::Error) -> Self {
        match error {
            wit::emit::Error::Invalid(why) => EffectProblem::Invalid(why),
            wit::emit::Error::TooDeep => EffectProblem::TooDeep,
            wit::emit::Error::TooLarge => EffectProblem::TooLarge,
        }
    }
}
