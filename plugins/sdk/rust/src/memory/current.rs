//! The run under way: it answers the handler's calls and buffers their effects.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::ids::id_of;
use super::records::{Emitted, Line, Scheduled, Sent};
use crate::error::{EffectProblem, ScheduleProblem, StateProblem};
use crate::response;
use crate::values::{Answer, Due, EntryParts, EventParts, Level, RequestParts};

/// The longest key in bytes, as the WIT interface defines it.
const LONGEST_KEY: usize = 512;
/// The furthest due time of the schedule, as the WIT interface defines it: 400 days ahead.
const HORIZON_MS: u64 = 400 * 24 * 60 * 60 * 1000;

/// Headers that a handler cannot set: the gateway sets them, or they belong to the connection.
const NOT_FOR_HANDLERS: [&str; 11] = [
    "host",
    "content-length",
    "idempotency-key",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The data that a run sees and the effects that it buffers.
#[derive(Default)]
pub(crate) struct CurrentRun {
    pub(crate) seed: String,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) allow: Option<Vec<String>>,
    pub(crate) limit: Option<usize>,
    pub(crate) too_deep: bool,
    pub(crate) state: BTreeMap<String, Vec<u8>>,
    pub(crate) scheduled: BTreeMap<String, Scheduled>,
    pub(crate) puts: usize,
    pub(crate) now_ms: u64,
    pub(crate) event: String,
    pub(crate) sent: Vec<Sent>,
    pub(crate) emitted: Vec<Emitted>,
    pub(crate) logs: Vec<Line>,
    pub(crate) used: usize,
    pub(crate) resolved: Resolved,
    #[cfg(feature = "http")]
    pub(crate) answers: Vec<Prepared>,
}

/// The answer to the next immediate request of this method and URL.
#[cfg(feature = "http")]
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) answer: crate::values::HttpAnswer,
}

/// What the provider's API told about the event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolved {
    pub(crate) object: Option<Answer>,
    pub(crate) event: Option<Answer>,
}

thread_local! {
    static CURRENT: RefCell<Option<CurrentRun>> = const { RefCell::new(None) };
}

/// Calls `body` while `run` answers the handler's calls of this thread. Returns the run with its
/// effects.
pub(crate) fn run_with<R>(run: CurrentRun, body: impl FnOnce() -> R) -> (R, CurrentRun) {
    /// Removes the run when the body ends, after a panic too.
    struct Cleared;
    impl Drop for Cleared {
        fn drop(&mut self) {
            CURRENT.take();
        }
    }

    let before = CURRENT.replace(Some(run));
    assert!(before.is_none(), "a handler cannot run within another");
    let cleared = Cleared;
    let result = body();
    let run = CURRENT
        .take()
        .expect("only this function takes the run away");
    drop(cleared);
    (result, run)
}

/// Gives `call` the run that answers the handler's calls of this thread.
///
/// # Panics
/// Outside of a run, because a native build has no gateway to call.
pub(crate) fn with_current<R>(call: impl FnOnce(&mut CurrentRun) -> R) -> R {
    CURRENT.with_borrow_mut(|current| {
        let run = current
            .as_mut()
            .expect("called from a handler that `testing::Host::run` runs");
        call(run)
    })
}

impl CurrentRun {
    /// Gives the first answer that is prepared for the request.
    #[cfg(feature = "http")]
    pub(crate) fn ask(
        &mut self,
        request: &crate::values::HttpParts,
    ) -> Result<crate::values::HttpAnswer, crate::error::HttpProblem> {
        let fits = |one: &Prepared| one.method == request.method && one.url == request.url;
        match self.answers.iter().position(fits) {
            Some(place) => Ok(self.answers.remove(place).answer),
            None => Err(crate::error::HttpProblem::Denied),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StateProblem> {
        check_key(key)?;
        Ok(self.state.get(key).cloned())
    }

    pub(crate) fn set(&mut self, key: &str, value: &[u8]) -> Result<(), StateProblem> {
        check_key(key)?;
        self.charge(key.len() + value.len())
            .ok_or(StateProblem::TooLarge)?;
        self.state.insert(key.into(), value.into());
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: &str) -> Result<(), StateProblem> {
        check_key(key)?;
        self.charge(key.len()).ok_or(StateProblem::TooLarge)?;
        self.state.remove(key);
        Ok(())
    }

    pub(crate) fn add(&mut self, key: &str, delta: i64) -> Result<(), StateProblem> {
        check_key(key)?;
        self.charge(key.len()).ok_or(StateProblem::TooLarge)?;
        let count = match self.state.get(key) {
            None => 0,
            Some(bytes) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse::<i64>().ok())
                .ok_or(StateProblem::NotACounter)?,
        };
        let sum = count.checked_add(delta).ok_or(StateProblem::NotACounter)?;
        self.state.insert(key.into(), sum.to_string().into_bytes());
        Ok(())
    }

    pub(crate) fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Vec<(String, Vec<u8>)> {
        let entries = self.state.iter();
        entries
            .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|a| key.as_str() > a))
            .take(limit as usize)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    pub(crate) fn send(&mut self, request: RequestParts) -> Result<String, EffectProblem> {
        check_method(&request.method)?;
        let origin = origin(&request.url)?;
        if self
            .allow
            .as_ref()
            .is_some_and(|allowed| !allowed.iter().any(|o| o == origin))
        {
            return Err(EffectProblem::NotAllowed(origin.into()));
        }
        for (name, _) in &request.headers {
            let taken = NOT_FOR_HANDLERS
                .iter()
                .any(|taken| taken.eq_ignore_ascii_case(name));
            if name.is_empty() || !name.bytes().all(is_token) || taken {
                return Err(EffectProblem::Invalid(format!(
                    "header {name:?} cannot be set"
                )));
            }
        }
        if self.too_deep && request.respond.is_some() {
            return Err(EffectProblem::TooDeep);
        }
        let headers: usize = request.headers.iter().map(|(n, v)| n.len() + v.len()).sum();
        self.charge(request.url.len() + headers + request.body.len())
            .ok_or(EffectProblem::TooLarge)?;
        let key = id_of(&[
            b"request",
            self.seed.as_bytes(),
            &self.sent.len().to_be_bytes(),
        ]);
        self.sent.push(Sent {
            key: key.clone(),
            request,
        });
        Ok(key)
    }

    pub(crate) fn emit(&mut self, event: EventParts) -> Result<String, EffectProblem> {
        if event.kind.is_empty()
            || event.kind == response::KIND
            || event.kind.chars().any(char::is_whitespace)
        {
            return Err(EffectProblem::Invalid(format!(
                "{:?} is no event type",
                event.kind
            )));
        }
        if self.too_deep {
            return Err(EffectProblem::TooDeep);
        }
        let subject = event.subject.as_ref().map_or(0, String::len);
        self.charge(event.kind.len() + subject + event.payload.len())
            .ok_or(EffectProblem::TooLarge)?;
        let id = id_of(&[
            b"event",
            self.seed.as_bytes(),
            &self.emitted.len().to_be_bytes(),
        ]);
        self.emitted.push(Emitted {
            id: id.clone(),
            event,
        });
        Ok(id)
    }

    pub(crate) fn put(&mut self, key: &str, entry: EntryParts) -> Result<(), ScheduleProblem> {
        check_key(key).map_err(|_| ScheduleProblem::InvalidKey)?;
        if entry.kind.is_empty()
            || entry.kind == response::KIND
            || entry.kind.chars().any(char::is_control)
        {
            return Err(ScheduleProblem::Invalid(format!(
                "{:?} is no event type",
                entry.kind
            )));
        }
        let due_ms = match entry.due {
            Due::After(delay) => u64::try_from(delay.as_millis())
                .unwrap_or(u64::MAX)
                .saturating_add(self.now_ms),
            Due::AtMs(time) => time.max(self.now_ms),
        };
        if due_ms > self.now_ms.saturating_add(HORIZON_MS) {
            return Err(ScheduleProblem::Invalid("400 days ahead at most".into()));
        }
        let subject = entry.subject.as_ref().map_or(0, String::len);
        self.charge(key.len() + entry.kind.len() + subject + entry.payload.len())
            .ok_or(ScheduleProblem::TooLarge)?;
        let id = id_of(&[b"scheduled", self.seed.as_bytes(), &self.puts.to_be_bytes()]);
        self.puts += 1;
        let scheduled = Scheduled {
            id,
            due_ms,
            cause: self.event.clone(),
            event: entry,
        };
        self.scheduled.insert(key.into(), scheduled);
        Ok(())
    }

    pub(crate) fn cancel(&mut self, key: &str) -> Result<(), ScheduleProblem> {
        check_key(key).map_err(|_| ScheduleProblem::InvalidKey)?;
        self.charge(key.len()).ok_or(ScheduleProblem::TooLarge)?;
        self.scheduled.remove(key);
        Ok(())
    }

    pub(crate) fn log(&mut self, level: Level, message: &str, fields: Vec<(String, String)>) {
        self.logs.push(Line {
            level,
            message: message.into(),
            fields,
        });
    }

    /// Counts bytes of effects. Returns `None` beyond the limit.
    fn charge(&mut self, bytes: usize) -> Option<()> {
        self.used += bytes;
        self.limit
            .is_none_or(|limit| self.used <= limit)
            .then_some(())
    }
}

fn check_key(key: &str) -> Result<(), StateProblem> {
    if key.is_empty() || key.len() > LONGEST_KEY {
        return Err(StateProblem::InvalidKey);
    }
    Ok(())
}

fn check_method(method: &str) -> Result<(), EffectProblem> {
    if method.is_empty() || !method.bytes().all(is_token) {
        return Err(EffectProblem::Invalid(format!("{method:?} is no method")));
    }
    Ok(())
}

/// Returns the origin of an absolute http or https URL.
fn origin(url: &str) -> Result<&str, EffectProblem> {
    let invalid = || EffectProblem::Invalid(format!("{url:?} is no absolute http or https URL"));
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|s| url.starts_with(s));
    let start = scheme.ok_or_else(invalid)?.len();
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    if end == start || url[start..end].contains('@') || url.contains(char::is_whitespace) {
        return Err(invalid());
    }
    Ok(&url[..end])
}

/// Returns true if an HTTP token may contain the byte (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
