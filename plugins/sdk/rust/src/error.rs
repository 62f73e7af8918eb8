//! The errors of a handler's calls. As a [`Failure`], each error rejects the delivery.

use crate::Failure;

/// The reason why a call of this crate failed.
///
/// As a [`Failure`], every error is a rejection, but for an immediate request without an answer,
/// which is a retry. The event's bytes, the handler's code and the
/// manifest would be the same at the next attempt, so a retry would only hide the mistake. The
/// delivery becomes a dead letter. The operator sees it and can replay it once the cause is
/// fixed. A handler that needs another result maps the error itself.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The payload is no JSON, or not of the type that the handler asked for.
    #[error("the payload of {kind} cannot be read: {message}")]
    Payload {
        /// The event's type.
        kind: String,
        /// The mistake, with its place in the payload.
        message: String,
    },
    /// A call on the handler's state failed.
    #[error("state key {key:?}: {problem}")]
    State {
        /// The key.
        key: String,
        /// The reason.
        problem: StateProblem,
    },
    /// A request was not queued.
    #[error("request to {url}: {problem}")]
    Outbox {
        /// The URL of the request.
        url: String,
        /// The reason.
        problem: EffectProblem,
    },
    /// An immediate request has no answer, or its answer is not as expected.
    #[cfg(feature = "http")]
    #[error("request to {}: {problem}", without_query(url))]
    Http {
        /// The URL of the request; empty if the answer is not as expected.
        url: String,
        /// The reason.
        problem: HttpProblem,
    },
    /// An event was not emitted.
    #[error("event {kind}: {problem}")]
    Emit {
        /// The event's type.
        kind: String,
        /// The reason.
        problem: EffectProblem,
    },
    /// An event was not scheduled or not cancelled.
    #[error("schedule key {key:?}: {problem}")]
    Schedule {
        /// The key.
        key: String,
        /// The reason.
        problem: ScheduleProblem,
    },
    /// A key of the handler's `config` table is missing or has an unusable value.
    #[error("the handler's config needs `{key}`: {problem}")]
    Config {
        /// The key.
        key: String,
        /// The reason.
        problem: String,
    },
}

/// The reason why a call on the handler's state failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateProblem {
    /// The key is empty or longer than 512 bytes.
    #[error("a key has 1 to 512 bytes")]
    InvalidKey,
    /// The value is no decimal 64-bit integer, or the sum exceeds the range of one.
    #[error("not a counter, or the sum leaves a counter's range")]
    NotACounter,
    /// The run's effects would exceed the handler's limit.
    #[error("the effects exceed the handler's limit on effects")]
    TooLarge,
    /// The value is not of the type that the handler asked for, or is not serializable as JSON.
    #[error("{0}")]
    Value(String),
}

/// The reason why a call on the handler's schedule failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleProblem {
    /// The key is empty or longer than 512 bytes.
    #[error("a key has 1 to 512 bytes")]
    InvalidKey,
    /// The event is malformed or due too far ahead. The text says more.
    #[error("{0}")]
    Invalid(String),
    /// The run's effects would exceed the handler's limit.
    #[error("the effects exceed the handler's limit on effects")]
    TooLarge,
}

/// The reason why a request was not queued or an event was not emitted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EffectProblem {
    /// The request or the event is malformed. The text says more.
    #[error("{0}")]
    Invalid(String),
    /// The manifest's `allow` list of this handler does not contain this origin.
    #[error("{0} is not among the origins that the manifest allows this handler")]
    NotAllowed(String),
    /// The event being handled ends a chain of emitted events: the gateway allows 8 emissions
    /// in a row.
    #[error("the event being handled is too deep in a chain of emitted events")]
    TooDeep,
    /// The run's effects would exceed the handler's limit.
    #[error("the effects exceed the handler's limit on effects")]
    TooLarge,
}

/// The reason why an immediate request has no answer.
#[cfg(feature = "http")]
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpProblem {
    /// The request is malformed. The text says more.
    #[error("{0}")]
    Invalid(String),
    /// The manifest does not grant the origin for immediate requests, the run has made as many
    /// requests as it may, or this run sends nothing (a fixture without this request). The log of
    /// the attempt says which.
    #[error("the gateway denied the request; the log of the attempt says why")]
    Denied,
    /// The answer did not come in time.
    #[error("no answer in time")]
    Timeout,
    /// The request did not reach the receiver, or its answer did not come whole. The text says
    /// more. Another attempt may succeed.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The body of the answer is not what the handler asked for.
    #[error("{0}")]
    Body(String),
}

/// A URL for people to read. The query may hold credentials, and an error's text is recorded.
#[cfg(feature = "http")]
fn without_query(url: &str) -> String {
    match url.split_once('?') {
        Some((before, _)) => format!("{before}?…"),
        None => url.to_owned(),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        #[cfg(feature = "http")]
        if let Error::Http {
            problem: HttpProblem::Timeout | HttpProblem::NoAnswer(_),
            ..
        } = &error
        {
            return crate::retry(error.to_string());
        }
        Failure::Reject(error.to_string())
    }
}

impl Error {
    pub(crate) fn state(key: &str, problem: StateProblem) -> Self {
        Error::State {
            key: key.into(),
            problem,
        }
    }
}
