//! Events that the handler sends to itself for later.
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
//! Each has a key; there is one a key at most, so putting another one replaces it. When
//! it is due, it is delivered to this handler alone, once, as an event with
//! source `handler:NAME`: [`Event::scheduled`](crate::Event::scheduled) tells its key.

use std::time::Duration;

use serde::Serialize;

use crate::error::ScheduleProblem;
use crate::{Error, host};

/// When an entry is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// So long after the delivery's commit.
    After(Duration),
    /// At this time, in milliseconds since the Unix epoch; one that has passed means at once.
    AtMs(u64),
}

/// An event of this type, so long after the delivery's commit: 400 days at most. Its
/// payload is empty until [`Entry::json`] sets one.
pub fn after(delay: Duration, kind: impl Into<String>) -> Entry {
    entry(Due::After(delay), kind)
}

/// An event of this type, at this time: milliseconds since the Unix epoch, 400 days ahead
/// at most. A time that has passed means at once.
pub fn at_ms(time: u64, kind: impl Into<String>) -> Entry {
    entry(Due::AtMs(time), kind)
}

/// Takes an entry away before it is due; there need be none.
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

/// What a scheduled event consists of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    /// When it is due.
    pub due: Due,
    /// Its type.
    pub kind: String,
    /// The object that it is about.
    pub subject: Option<String>,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// An event that is being put together; nothing is scheduled before [`Entry::put`].
#[must_use = "nothing is scheduled before `put`"]
#[derive(Clone, Debug)]
pub struct Entry {
    parts: Parts,
    problem: Option<String>,
}

impl Entry {
    /// The object that it is about.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.parts.subject = Some(subject.into());
        self
    }

    /// A JSON payload.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(payload) => self.parts.payload = payload,
            Err(e) => self.problem = Some(format!("its payload is no JSON: {e}")),
        }
        self
    }

    /// A payload of bytes.
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.parts.payload = payload.into();
        self
    }

    /// Puts it into the handler's schedule; one of the same key is replaced.
    pub fn put(self, key: &str) -> Result<(), Error> {
        if let Some(problem) = self.problem {
            return Err(failed(key, ScheduleProblem::Invalid(problem)));
        }
        host::schedule_put(key, self.parts).map_err(|problem| failed(key, problem))
    }
}
