//! New events, made by handlers for the routes.

use serde::Serialize;

use crate::error::EffectProblem;
use crate::{Error, host};

/// An event of this type, such as `order.fulfilled`, to be recorded with source
/// `handler:NAME`. Its payload is empty until [`NewEvent::json`] sets one.
pub fn event(kind: impl Into<String>) -> NewEvent {
    NewEvent {
        parts: Parts {
            kind: kind.into(),
            ..Parts::default()
        },
        problem: None,
    }
}

/// What an emitted event consists of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parts {
    /// Its type.
    pub kind: String,
    /// The object that it is about.
    pub subject: Option<String>,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// An event that is being put together; nothing is emitted before [`NewEvent::send`].
#[must_use = "nothing is emitted before `send`"]
#[derive(Clone, Debug)]
pub struct NewEvent {
    parts: Parts,
    problem: Option<String>,
}

impl NewEvent {
    /// The object that it is about.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.parts.subject = Some(subject.into());
        self
    }

    /// A JSON payload, which routes can filter on.
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

    /// Emits the event; returns the id that it will have.
    pub fn send(self) -> Result<String, Error> {
        let NewEvent { parts, problem } = self;
        if let Some(problem) = problem {
            return Err(Error::Emit {
                kind: parts.kind,
                problem: EffectProblem::Invalid(problem),
            });
        }
        let kind = parts.kind.clone();
        host::emit(parts).map_err(|problem| Error::Emit { kind, problem })
    }
}
