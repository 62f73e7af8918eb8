//! The plain values that a handler's calls pass to the gateway: requests, events, entries of
//! the schedule, log levels. They are the same in WebAssembly and in native builds.

use std::time::Duration;

/// The parts of a request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RequestParts {
    /// The HTTP method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// The headers: pairs of name and value.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body.
    pub body: Vec<u8>,
    /// The order key. Requests with the same key go out one after another.
    pub order_key: Option<String>,
    /// The correlation text. If it is set, the response comes back as an event.
    pub respond: Option<String>,
}

/// The parts of an emitted event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EventParts {
    /// The event type.
    pub kind: String,
    /// The id of the object that the event is about.
    pub subject: Option<String>,
    /// The event's bytes.
    pub payload: Vec<u8>,
}

/// The parts of a scheduled event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryParts {
    /// The time at which the event is due.
    pub due: Due,
    /// The event type.
    pub kind: String,
    /// The id of the object that the event is about.
    pub subject: Option<String>,
    /// The event's bytes.
    pub payload: Vec<u8>,
}

/// The time at which an entry is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// The delay after the delivery's commit.
    After(Duration),
    /// A time in milliseconds since the Unix epoch. An entry whose time has passed is due at once.
    AtMs(u64),
}

/// The importance of a log line, lowest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// For the author of the handler, step by step.
    Trace,
    /// For the author of the handler.
    Debug,
    /// The handler did its work.
    Info,
    /// Something is odd.
    Warn,
    /// Something is wrong.
    Error,
}

/// An answer of the provider's API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The time at which the gateway read the answer: milliseconds since the Unix epoch.
    pub read_ms: u64,
    /// The JSON of the answer. `None` if the provider no longer has the thing.
    pub body: Option<Vec<u8>>,
}

/// An immediate request as it was sent.
#[cfg(feature = "http")]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HttpParts {
    /// The method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// Pairs of name and value.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body.
    pub body: Vec<u8>,
    /// How long the handler waits for the answer; `None` waits for as long as the run may take.
    pub timeout: Option<Duration>,
}

/// The answer to an immediate request.
#[cfg(feature = "http")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpAnswer {
    /// The status: any, `404` and `500` among them.
    pub status: u16,
    /// Pairs of name (in lower case) and value.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body.
    pub body: Vec<u8>,
}
