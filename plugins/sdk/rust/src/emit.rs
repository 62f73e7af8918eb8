//! New events that a handler makes. The manifest's routes decide which handlers receive them.

use serde::Serialize;

use crate::error::EffectProblem;
pub use crate::values::EventParts as Parts;
use crate::{Error, host};

/// Begins an event of this type, such as `order.fulfilled`. Its source will be `handler:NAME`.
/// Its payload is empty until [`NewEvent::json`] or [`NewEvent::payload`] sets one.
pub fn event(kind: impl Into<String>) -> NewEvent {
    NewEvent {
        parts: Parts {
            kind: kind.into(),
            ..Parts::default()
        },
        problem: None,
    }
}

/// A builder for an event. [`NewEvent::send`] emits the event.
#[must_use = "only `send` emits the event"]
#[derive(Clone, Debug)]
pub struct NewEvent {
    parts: Parts,
    problem: Option<String>,
}

impl NewEvent {
    /// Sets the id of the object that the event is about.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.parts.subject = Some(subject.into());
        self
    }

    /// Sets a JSON payload. Routes can filter on it.
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

    /// Emits the event when the delivery commits. Returns the id of the future event.
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
