//! The gateway in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[cfg(feature = "http")]
use crate::memory::Prepared;
use crate::memory::{CurrentRun, Emitted, Line, Resolved, Scheduled, Sent, run_with};
use crate::values::Answer;
use crate::{__private, Event, Failure, Outcome};

/// The number of due events in one [`Host::advance`] that counts as a mistake of the handler.
const ENDLESS: usize = 10_000;

/// A gateway in memory: the settings of the manifest and all committed effects.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// All committed requests, in order.
    pub sent: Vec<Sent>,
    /// All committed events that the handler emitted, in order.
    pub emitted: Vec<Emitted>,
    config: BTreeMap<String, String>,
    allow: Option<Vec<String>>,
    effects_limit: Option<usize>,
    too_deep: bool,
    state: BTreeMap<String, Vec<u8>>,
    completed: BTreeMap<String, u32>,
    scheduled: BTreeMap<String, Scheduled>,
    resolved: BTreeMap<String, Resolved>,
    now_ms: u64,
    #[cfg(feature = "http")]
    answers: Vec<Prepared>,
}

/// The result and the effects of one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The handler's result.
    pub result: Result<Outcome, Failure>,
    /// The requests that the run queued; empty after a failure.
    pub sent: Vec<Sent>,
    /// The events that the run emitted; empty after a failure.
    pub emitted: Vec<Emitted>,
    /// The log lines, after a failure too.
    pub logs: Vec<Line>,
}

impl Host {
    /// Makes a gateway with empty state and empty config that allows requests to any origin.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key of the handler's config. The handler sees a string unchanged, every other value
    /// as its JSON text.
    pub fn config(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::String(text) => text,
            other => other.to_string(),
        };
        self.config.insert(key.into(), value);
        self
    }

    /// Allows requests to this origin, such as `https://crm.example.com`. After the first call,
    /// requests to other origins are refused.
    pub fn allow(mut self, origin: &str) -> Self {
        self.allow
            .get_or_insert_default()
            .push(origin.trim_end_matches('/').into());
        self
    }

    /// Limits the effects of each run to this number of bytes.
    pub fn effects_limit(mut self, bytes: usize) -> Self {
        self.effects_limit = Some(bytes);
        self
    }

    /// Prepares the answer to the next immediate request of this method and URL. A request without
    /// a prepared answer is denied. An answer that a run does not ask for is dropped.
    #[cfg(feature = "http")]
    pub fn answer(&mut self, method: &str, url: &str, answer: crate::values::HttpAnswer) {
        self.answers.push(Prepared {
            method: method.to_owned(),
            url: url.to_owned(),
            answer,
        });
    }

    /// Refuses to emit events, as if each event ended a chain of the greatest length.
    pub fn refuse_to_emit(mut self) -> Self {
        self.too_deep = true;
        self
    }

    /// Resolves an event: its runs get this object, read a second after the receipt. `None` stands
    /// for an object that is gone.
    pub fn resolve(&mut self, event: &Event, object: Option<Value>) {
        let answer = answer(event, object);
        self.resolved.entry(event.id.clone()).or_default().object = Some(answer);
    }

    /// The same for the event with all of its fields.
    pub fn resolve_event(&mut self, event: &Event, full: Option<Value>) {
        let answer = answer(event, full);
        self.resolved.entry(event.id.clone()).or_default().event = Some(answer);
    }

    /// Runs a handler once. Moves the time to that of the event's receipt, unless it is later
    /// already.
    ///
    /// # Panics
    /// If the handler panics. Nothing is committed then.
    pub fn run<E: Into<Failure>>(
        &mut self,
        handle: impl FnOnce(Event) -> Result<Outcome, E>,
        event: Event,
    ) -> Run {
        let id = event.id.clone();
        let nth = self.completed.get(&id).copied().unwrap_or(0);
        self.now_ms = self.now_ms.max(event.received_ms);
        let started = CurrentRun {
            seed: format!("{id}/{nth}"),
            config: self.config.clone(),
            allow: self.allow.clone(),
            limit: self.effects_limit,
            too_deep: self.too_deep,
            state: self.state.clone(),
            scheduled: self.scheduled.clone(),
            now_ms: self.now_ms,
            event: id.clone(),
            resolved: self.resolved.get(&id).cloned().unwrap_or_default(),
            #[cfg(feature = "http")]
            answers: std::mem::take(&mut self.answers),
            ..CurrentRun::default()
        };
        let (result, ended) = run_with(started, || __private::run(event, handle));
        let CurrentRun {
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

    /// Moves the time forward and runs the handler on the events that become due, each at its time.
    /// An event whose run fails is not run again.
    ///
    /// # Panics
    /// If the handler panics, or if it schedules events without end.
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

    /// Removes the entry that is due first, by `until` at the latest, and returns its event.
    fn next_due(&mut self, until: u64) -> Option<Event> {
        let due = self.scheduled.iter().filter(|(_, of)| of.due_ms <= until);
        let next = due.min_by_key(|(_, of)| of.due_ms);
        let key = next.map(|(key, _)| key.clone())?;
        let scheduled = self.scheduled.remove(&key)?;
        Some(scheduled.into_event(key, self.now_ms))
    }

    /// Returns the schedule, by key.
    pub fn scheduled(&self) -> &BTreeMap<String, Scheduled> {
        &self.scheduled
    }

    /// Returns the present time: milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Returns the handler's committed state.
    pub fn state(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.state
    }

    /// Returns the committed value of a key, or `None` if the key is absent.
    ///
    /// # Panics
    /// If the value is no JSON of type `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let bytes = self.state.get(key)?;
        Some(serde_json::from_slice(bytes).expect("a value of the type asked for"))
    }

    /// Returns the committed value of a counter; 0 if the key is absent.
    ///
    /// # Panics
    /// If the value is no integer.
    pub fn counter(&self, key: &str) -> i64 {
        self.get(key).unwrap_or(0)
    }

    /// Sets the committed value of a key, before or between runs.
    ///
    /// # Panics
    /// If the value cannot be written as JSON.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        let bytes = serde_json::to_vec(value).expect("a value that can be written as JSON");
        self.state.insert(key.into(), bytes);
    }
}

fn answer(event: &Event, body: Option<Value>) -> Answer {
    Answer {
        read_ms: event.received_ms + 1000,
        body: body.map(|body| body.to_string().into_bytes()),
    }
}
