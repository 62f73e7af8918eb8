//! A gateway in memory, to test handlers with plain `cargo test`.
//!
//! ```
//! use tollgate_handler::prelude::*;
//! use tollgate_handler::testing::{self, Host};
//!
//! fn handle(event: Event) -> Result<Outcome, Failure> {
//!     if event.attempt == 1 {
//!         return Err(retry("the first attempt never works"));
//!     }
//!     state::add("seen", 1)?;
//!     outbox::post(config::require("url")?).json(&json!({"seen": event.kind})).send()?;
//!     done()
//! }
//!
//! let mut host = Host::new().config("url", "https://crm.example.com/seen");
//! let event = testing::event("charge.succeeded", &json!({"id": "evt_1"}));
//!
//! assert!(host.run(handle, event.clone()).result.is_err());
//! assert_eq!(host.counter("seen"), 0, "a failure leaves nothing behind");
//!
//! let run = host.run(handle, Event { attempt: 2, ..event });
//! assert_eq!(run.result, Ok(Outcome::Done));
//! assert_eq!(run.sent[0].json()["seen"], "charge.succeeded");
//! assert_eq!(host.counter("seen"), 1);
//! ```
//!
//! It keeps what the gateway promises: a run's effects are committed together
//! if it ends well, and not at all if it fails; requests carry an idempotency key
//! that is the same on every attempt and another on a replay. Time stands still but for
//! [`Host::advance`], which runs what was scheduled as it falls due. It runs one
//! delivery at a time, so there are no conflicts, and it checks what the WIT
//! interface says of keys, requests and events, though not the manifest's limits
//! on time and memory.

pub(crate) mod fake;
mod orders;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::log::Level;
use crate::response::{KIND, Response};
use crate::{Event, Failure, Outcome, emit, outbox, schedule};
pub use orders::{orders, with_repeats};

/// An event of this type and JSON payload, as a gateway would hand it over at the
/// first attempt: with the `id` and `created` (in seconds) of the payload, where it has
/// them. To have other fields, replace them: `Event { attempt: 2, ..event(…) }`.
///
/// # Panics
/// If the payload cannot be written as JSON.
pub fn event<T: Serialize + ?Sized>(kind: &str, payload: &T) -> Event {
    let value = serde_json::to_value(payload).expect("a payload that can be written as JSON");
    let payload = value.to_string().into_bytes();
    let created_ms = value["created"].as_u64().map(|seconds| seconds * 1000);
    Event {
        id: fake::id_of(&[kind.as_bytes(), &payload]),
        source: "test".into(),
        provider_id: value["id"].as_str().map(Into::into),
        kind: kind.into(),
        subject: None,
        account: value["account"].as_str().map(Into::into),
        created_ms,
        received_ms: created_ms.unwrap_or(0) + 1000,
        attempt: 1,
        replay: false,
        headers: Vec::new(),
        metadata: Vec::new(),
        payload,
    }
}

/// So many events that fall due in one [`Host::advance`] are taken for a mistake.
const ENDLESS: usize = 10_000;

/// The event with the answer of a request that asked for it. A status that is not 2xx means
/// that it was given up.
pub fn response(of: &Sent, status: u16, body: &str) -> Event {
    response_event(of, |correlation| {
        Response::new(&of.key, correlation, status, body)
    })
}

/// The event that tells of a request that asked for its answer and never got one.
pub fn no_response(of: &Sent, error: &str) -> Event {
    response_event(of, |correlation| {
        Response::none(&of.key, correlation, error)
    })
}

fn response_event(of: &Sent, response: impl FnOnce(&str) -> Response) -> Event {
    let correlation = of.request.respond.as_deref().unwrap_or_default();
    Event {
        id: fake::id_of(&[b"response", of.key.as_bytes()]),
        source: "handler:test".into(),
        subject: of.request.respond.clone(),
        metadata: vec![("request".into(), of.key.clone())],
        ..event(KIND, &response(correlation))
    }
}

/// A gateway in memory: what the manifest grants, and all that was committed.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Every request that was committed, in order.
    pub sent: Vec<Sent>,
    /// Every event that was emitted and committed, in order.
    pub emitted: Vec<Emitted>,
    config: BTreeMap<String, String>,
    allow: Option<Vec<String>>,
    effects_limit: Option<usize>,
    too_deep: bool,
    state: BTreeMap<String, Vec<u8>>,
    completed: BTreeMap<String, u32>,
    scheduled: BTreeMap<String, Scheduled>,
    now_ms: u64,
}

/// A request that was committed to the outbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The idempotency key.
    pub key: String,
    /// The request.
    pub request: outbox::Parts,
}

/// An event that was emitted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Emitted {
    /// Its id.
    pub id: String,
    /// The event.
    pub event: emit::Parts,
}

/// An event that is scheduled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scheduled {
    /// The id that it will have.
    pub id: String,
    /// When it is due: milliseconds since the Unix epoch.
    pub due_ms: u64,
    /// The id of the event whose handling scheduled it.
    pub cause: String,
    /// The event.
    pub event: schedule::Parts,
}

/// A line that was logged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its level.
    pub level: Level,
    /// Its message.
    pub message: String,
    /// Its fields.
    pub fields: Vec<(String, String)>,
}

/// What became of one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// What the handler answered.
    pub result: Result<Outcome, Failure>,
    /// The requests that it queued; none after a failure.
    pub sent: Vec<Sent>,
    /// The events that it emitted; none after a failure.
    pub emitted: Vec<Emitted>,
    /// What it logged, whatever the outcome.
    pub logs: Vec<Line>,
}

impl Host {
    /// A gateway with an empty state, an empty config and leave to send anywhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key of the handler's config. A value that is no string is given as JSON.
    pub fn config(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::String(text) => text,
            other => other.to_string(),
        };
        self.config.insert(key.into(), value);
        self
    }

    /// Allows requests to this origin (`https://crm.example.com`); from the first call on,
    /// to no other.
    pub fn allow(mut self, origin: &str) -> Self {
        self.allow
            .get_or_insert_default()
            .push(origin.trim_end_matches('/').into());
        self
    }

    /// Refuses effects beyond so many bytes a run.
    pub fn effects_limit(mut self, bytes: usize) -> Self {
        self.effects_limit = Some(bytes);
        self
    }

    /// Refuses to emit, as if each event were the last of the longest chain allowed.
    pub fn refuse_to_emit(mut self) -> Self {
        self.too_deep = true;
        self
    }

    /// Runs a handler once. It is then at least as late as the event was received.
    ///
    /// # Panics
    /// If the handler does; then nothing is committed.
    pub fn run<E: Into<Failure>>(
        &mut self,
        handle: impl FnOnce(Event) -> Result<Outcome, E>,
        event: Event,
    ) -> Run {
        let id = event.id.clone();
        let nth = self.completed.get(&id).copied().unwrap_or(0);
        self.now_ms = self.now_ms.max(event.received_ms);
        let started = fake::Run {
            seed: format!("{id}/{nth}"),
            config: self.config.clone(),
            allow: self.allow.clone(),
            limit: self.effects_limit,
            too_deep: self.too_deep,
            state: self.state.clone(),
            scheduled: self.scheduled.clone(),
            now_ms: self.now_ms,
            event: id.clone(),
            ..fake::Run::default()
        };
        let (result, ended) = fake::running(started, || crate::__private::run(event, handle));
        let fake::Run {
            state,
            scheduled,
            mut sent,
            mut emitted,
            logs,
            ..
        } = ended;
        if result.is_ok() {
            self.state = state;
            self.scheduled = scheduled;
            self.sent.extend_from_slice(&sent);
            self.emitted.extend_from_slice(&emitted);
            *self.completed.entry(id).or_default() += 1;
        } else {
            sent.clear();
            emitted.clear();
        }
        Run {
            result,
            sent,
            emitted,
            logs,
        }
    }

    /// Lets so much time pass, and runs the handler on what falls due in it, each event
    /// when it is due. One that fails is not run again.
    ///
    /// # Panics
    /// If the handler does, or if it schedules itself without end.
    pub fn advance<E: Into<Failure>>(
        &mut self,
        mut handle: impl FnMut(Event) -> Result<Outcome, E>,
        time: Duration,
    ) -> Vec<Run> {
        let passed = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let until = self.now_ms.saturating_add(passed);
        let mut runs = Vec::new();
        while let Some(event) = self.next_due(until) {
            runs.push(self.run(&mut handle, event));
            assert!(
                runs.len() < ENDLESS,
                "the handler schedules itself without end"
            );
        }
        self.now_ms = until;
        runs
    }

    /// Takes the entry that is due next, by `until`, out of the schedule.
    fn next_due(&mut self, until: u64) -> Option<Event> {
        let due = self.scheduled.iter().filter(|(_, of)| of.due_ms <= until);
        let next = due.min_by_key(|(_, of)| of.due_ms);
        let key = next.map(|(key, _)| key.clone())?;
        let scheduled = self.scheduled.remove(&key)?;
        Some(scheduled.into_event(key, self.now_ms))
    }

    /// What is scheduled, by key.
    pub fn scheduled(&self) -> &BTreeMap<String, Scheduled> {
        &self.scheduled
    }

    /// The present time: milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The handler's committed state.
    pub fn state(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.state
    }

    /// The committed value of a key, if it has one.
    ///
    /// # Panics
    /// If the value is no JSON of type `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let bytes = self.state.get(key)?;
        Some(serde_json::from_slice(bytes).expect("a value of the type asked for"))
    }

    /// The committed value of a counter; 0 where it is absent.
    ///
    /// # Panics
    /// If the value is no counter.
    pub fn counter(&self, key: &str) -> i64 {
        self.get(key).unwrap_or(0)
    }

    /// Sets a key before or between runs.
    ///
    /// # Panics
    /// If the value cannot be written as JSON.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        let bytes = serde_json::to_vec(value).expect("a value that can be written as JSON");
        self.state.insert(key.into(), bytes);
    }
}

impl Sent {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.request.body).unwrap_or(Value::Null)
    }

    /// The first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.request.headers.iter();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl Scheduled {
    /// The payload as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.event.payload).unwrap_or(Value::Null)
    }

    fn into_event(self, key: String, now_ms: u64) -> Event {
        Event {
            id: self.id,
            source: "handler:test".into(),
            provider_id: None,
            kind: self.event.kind,
            subject: self.event.subject,
            account: None,
            created_ms: Some(self.due_ms),
            received_ms: self.due_ms.max(now_ms),
            attempt: 1,
            replay: false,
            headers: Vec::new(),
            metadata: vec![("schedule".into(), key), ("cause".into(), self.cause)],
            payload: self.event.payload,
        }
    }
}

impl Emitted {
    /// The payload as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.event.payload).unwrap_or(Value::Null)
    }
}

impl Line {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}
