//! The time of a transaction.

use tollgate_base::time::{Ages, Ahead, SteadyClock, SteadyTime, WallTime};

/// The time of one transaction by both clocks, read once for all of its operations.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    /// The time of day.
    pub(crate) wall: WallTime,
    /// The time that due times go by.
    pub(crate) steady: SteadyTime,
    /// By how much the steady time is ahead of the time of day.
    pub(crate) ahead: Ahead,
    /// How old times of day are.
    pub(crate) ages: Ages,
}

impl Moment {
    /// The present.
    pub(crate) fn of(clock: &SteadyClock) -> Self {
        Self {
            wall: clock.wall(),
            steady: clock.now(),
            ahead: clock.ahead(),
            ages: clock.ages(),
        }
    }
}
