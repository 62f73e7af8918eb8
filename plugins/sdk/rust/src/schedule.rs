//! Events that a handler sends to itself at a later time.
//!
//! ```
//! # use std::time::Duration;
//! # use tollgate_handler::prelude::*;
//! # fn handle(_: Event) -> Result<Outcome, Failure> {
//! schedule::after(Duration::from_secs(3 * 24 * 60 * 60), "reminder.due")
//!     .json(&json!({ "invoice": "in_1" }))
//!     .put("reminder/in_1")?;
//! schedule::cancel("reminder/in_0")?;
//! # done()
//! # }
//! ```
//!
//! The handler chooses a key for each entry. A key has at most one entry, so another `put` replaces
//! the entry. When the entry is due, this handler alone receives it, once, as an event with source
//! `handler:NAME`. [`Event::scheduled`](crate::Event::scheduled) returns the key.

use std::time::Duration;

use serde::Serialize;

use crate::error::ScheduleProblem;
pub use crate::values::{Due, EntryParts as Parts};
use crate::{Error, host};

/// Begins an event of this type that is due `delay` after the delivery's commit, 400 days at most.
/// Its payload is empty until [`Entry::json`] or [`Entry::payload`] sets one.
pub fn after(delay: Duration, kind: impl Into<String>) -> Entry {
    entry(Due::After(delay), kind)
}

/// Begins an event of this type that is due at `time`: milliseconds since the Unix epoch, 400 days
/// ahead at most. An event whose time has passed is due at once.
pub fn at_ms(time: u64, kind: impl Into<String>) -> Entry {
    entry(Due::AtMs(time), kind)
}

/// Removes the entry of a key when the delivery commits. A key without an entry is no error.
pub fn cancel(key: &str) -> Result<(), Error> {
    host::schedule_cancel(key).map_err(|problem| failed(key, problem))
}

fn entry(due: Due, kind: impl Into<String>) -> Entry {
    Entry {
        parts: Parts {
            due,
            kind: kind.into(),
            subject: None,
            payload: Vec::new(),
        },
        problem: None,
    }
}

fn failed(key: &str, problem: ScheduleProblem) -> Error {
    Error::Schedule {
        key: key.into(),
        problem,
    }
}

/// A builder for an event for later. [`Entry::put`] schedules the event.
#[must_use = "only `put` schedules the event"]
#[derive(Clone, Debug)]
pub struct Entry {
    parts: Parts,
    problem: Option<String>,
}

impl Entry {
    /// Sets the id of the object that the event is about.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.parts.subject = Some(subject.into());
        self
    }

    /// Sets a JSON payload.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(payload) => self.parts.payload = payload,
            Err(e) => self.problem = Some(format!("its payload is no JSON: {e}")),
        }
        self
    }

    /// Sets a payload of any bytes.
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.parts.payload = payload.into();
        self
    }

    /// Puts the entry into the handler's schedule when the delivery commits. Replaces the entry of
    /// the same key, if there is one.
    pub fn put(self, key: &str) -> Result<(), Error> {
        if let Some(problem) = self.problem {
            return Err(failed(key, ScheduleProblem::Invalid(problem)));
        }
        host::schedule_put(key, self.parts).map_err(|problem| failed(key, problem))
    }
}
