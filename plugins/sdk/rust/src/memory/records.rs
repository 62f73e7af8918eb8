//! The effects and the log lines of runs in memory.

use serde_json::Value;

use crate::Event;
use crate::values::{EntryParts, EventParts, Level, RequestParts};

/// A committed request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The idempotency key.
    pub key: String,
    /// The request.
    pub request: RequestParts,
}

/// A committed event that the handler emitted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Emitted {
    /// The event's id.
    pub id: String,
    /// The event.
    pub event: EventParts,
}

/// A committed event of the schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scheduled {
    /// The id of the future event.
    pub id: String,
    /// The time at which the event is due: milliseconds since the Unix epoch.
    pub due_ms: u64,
    /// The id of the event whose handling scheduled it.
    pub cause: String,
    /// The event.
    pub event: EntryParts,
}

/// A log line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The level.
    pub level: Level,
    /// The message.
    pub message: String,
    /// The fields: pairs of name and value.
    pub fields: Vec<(String, String)>,
}

impl Sent {
    /// Returns the body as JSON; null for any other body.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.request.body).unwrap_or(Value::Null)
    }

    /// Returns the first header with this name, in upper or lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.request.headers.iter();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl Scheduled {
    /// Returns the payload as JSON; null for any other payload.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.event.payload).unwrap_or(Value::Null)
    }

    pub(crate) fn into_event(self, key: String, now_ms: u64) -> Event {
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
    /// Returns the payload as JSON; null for any other payload.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.event.payload).unwrap_or(Value::Null)
    }
}

impl Line {
    /// Returns the value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}
