//! Short ways to say how a run ended.

use std::time::Duration;

use crate::{Failure, Outcome, Retry};

/// The event was acted upon.
pub fn done() -> Result<Outcome, Failure> {
    Ok(Outcome::Done)
}

/// The event needs no action, and why. Effects are committed all the same.
pub fn ignored(reason: impl Into<String>) -> Result<Outcome, Failure> {
    Ok(Outcome::Ignored(reason.into()))
}

/// Try again later, by the handler's retry policy or [`Failure::after`] a time.
/// Nothing that was buffered is committed.
pub fn retry(reason: impl Into<String>) -> Failure {
    Failure::Retry(Retry {
        reason: reason.into(),
        after_ms: None,
    })
}

/// Trying again would not help: the delivery is dead at once. Nothing that was
/// buffered is committed.
pub fn reject(reason: impl Into<String>) -> Failure {
    Failure::Reject(reason.into())
}

impl Failure {
    /// Not before `delay` from now, within the bounds of the retry policy. A
    /// rejection stays what it is.
    pub fn after(self, delay: Duration) -> Self {
        match self {
            Failure::Retry(retry) => Failure::Retry(Retry {
                after_ms: Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
                ..retry
            }),
            rejected @ Failure::Reject(_) => rejected,
        }
    }
}
