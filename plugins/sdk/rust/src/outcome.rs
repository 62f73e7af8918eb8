//! Short functions for the four results of a handler.

use std::time::Duration;

use crate::{Failure, Outcome, Retry};

/// Returns the result of a handler that acted on the event. The gateway commits its effects.
pub fn done() -> Result<Outcome, Failure> {
    Ok(Outcome::Done)
}

/// Returns the result of a handler for which the event needs no action, with the reason. The
/// gateway commits its effects too.
pub fn ignored(reason: impl Into<String>) -> Result<Outcome, Failure> {
    Ok(Outcome::Ignored(reason.into()))
}

/// Returns a failure that asks for another attempt, at a time that the handler's retry policy or
/// [`Failure::after`] chooses. The gateway commits none of the run's effects.
pub fn retry(reason: impl Into<String>) -> Failure {
    Failure::Retry(Retry {
        reason: reason.into(),
        after_ms: None,
    })
}

/// Returns a failure for which another attempt would not help. The delivery becomes a dead letter
/// at once. The gateway commits none of the run's effects.
pub fn reject(reason: impl Into<String>) -> Failure {
    Failure::Reject(reason.into())
}

impl Failure {
    /// Sets the shortest wait before the next attempt, within the bounds of the retry policy. A
    /// rejection stays unchanged.
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
