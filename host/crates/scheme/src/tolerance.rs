//! How far a signed time may lie from now.

use std::time::Duration;

use super::rejection::Rejection;
use tollgate_base::time::WallTime;

/// How far a signed time may lie from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tolerance {
    /// The greatest age.
    pub(super) past: Duration,
    /// The greatest distance in the future.
    pub(super) future: Duration,
}

impl Tolerance {
    /// The same length for past and future.
    pub(super) fn both(length: Duration) -> Self {
        Self {
            past: length,
            future: length,
        }
    }

    /// Rejects a time that lies too far from `now`.
    pub(super) fn check(self, then: WallTime, now: WallTime) -> Result<(), Rejection> {
        let age = now.since(then);
        let ahead = then.since(now);
        if age > self.past {
            return Err(Rejection::TimestampTooOld {
                age,
                tolerance: self.past,
            });
        }
        if ahead > self.future {
            return Err(Rejection::TimestampInFuture {
                ahead,
                tolerance: self.future,
            });
        }
        Ok(())
    }
}
