//! What can go wrong in a handler's calls, and what becomes of the delivery then.

use crate::Failure;

/// Why a call of this crate failed.
///
/// As a [`Failure`] every one of them is a rejection: the event's bytes, the
/// handler's code and the manifest are the same at the next attempt, so that
/// trying again would only hide the mistake. The delivery is then dead, which the
/// operator sees; once the cause is mended, it can be replayed. A handler that
/// knows better maps the error itself.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The payload is no JSON, or not of the type that was asked for.
    #[error("the payload of {kind} cannot be read: {message}")]
    Payload {
        /// The event's type.
        kind: String,
        /// What is wrong, and where.
        message: String,
    },
    /// A key of the handler's state could not be used.
    #[error("state key {key:?}: {problem}")]
    State {
        /// The key.
        key: String,
        /// What is wrong.
        problem: StateProblem,
    },
    /// A request was not queued.
    #[error("request to {url}: {problem}")]
    Outbox {
        /// The URL that it was for.
        url: String,
        /// What is wrong.
        problem: EffectProblem,
    },
    /// An event was not emitted.
    #[error("event {kind}: {problem}")]
    Emit {
        /// The event's type.
        kind: String,
        /// What is wrong.
        problem: EffectProblem,
    },
    /// An event was not scheduled, or not cancelled.
    #[error("schedule key {key:?}: {problem}")]
    Schedule {
        /// The key.
        key: String,
        /// What is wrong.
        problem: ScheduleProblem,
    },
    /// A key that the handler needs is missing in its `config` table, or is unfit.
    #[error("the handler's config needs `{key}`: {problem}")]
    Config {
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

/// What is wrong with a use of the handler's state.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateProblem {
    /// A key that is empty or longer than 512 bytes.
    #[error("a key has 1 to 512 bytes")]
    InvalidKey,
    /// `add` on a value that is no counter, or a sum beyond the range of one.
    #[error("not a counter, or the sum leaves a counter's range")]
    NotACounter,
    /// More than the handler's limit on buffered effects.
    #[error("more than the handler's limit on effects")]
    TooLarge,
    /// The value is not of the type that was asked for, or cannot be written as JSON.
    #[error("{0}")]
    Value(String),
}

/// What is wrong with a use of the handler's schedule.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleProblem {
    /// A key that is empty or longer than 512 bytes.
    #[error("a key has 1 to 512 bytes")]
    InvalidKey,
    /// The event is malformed or due too late, and how.
    #[error("{0}")]
    Invalid(String),
    /// More than the handler's limit on buffered effects.
    #[error("more than the handler's limit on effects")]
    TooLarge,
}

/// What is wrong with a request or an event that a handler made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EffectProblem {
    /// It is malformed, and how.
    #[error("{0}")]
    Invalid(String),
    /// The manifest's `allow` list does not hold this origin.
    #[error("{0} is not among the origins that the manifest allows this handler")]
    NotAllowed(String),
    /// This event is itself the last of a chain of emitted events as long as allowed.
    #[error("emitted by an event that is itself too deep in a chain of emitted events")]
    TooDeep,
    /// More than the handler's limit on buffered effects.
    #[error("more than the handler's limit on effects")]
    TooLarge,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
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
