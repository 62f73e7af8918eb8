//! The two kinds of time, and what turns one into the other.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A time of day: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(pub(super) u64);

/// A time by the steady clock, in milliseconds. A number of this kind is no time of day, so
/// it has no JSON form: people are shown the [`WallTime`] that [`Ahead::wall`] makes of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SteadyTime(pub(super) u64);

macro_rules! time {
    ($time:ident) => {
        impl $time {
            /// The time of this many milliseconds.
            pub const fn from_millis(millis: u64) -> Self {
                Self(millis)
            }

            /// The time in milliseconds.
            pub const fn as_millis(self) -> u64 {
                self.0
            }

            /// How much later this time is than `earlier`; zero if it is not later.
            pub const fn since(self, earlier: Self) -> Duration {
                Duration::from_millis(self.0.saturating_sub(earlier.0))
            }
        }

        impl Add<Duration> for $time {
            type Output = Self;

            /// Ends at the latest time that there is.
            fn add(self, duration: Duration) -> Self {
                Self(self.0.saturating_add(millis(duration)))
            }
        }

        impl Sub<Duration> for $time {
            type Output = Self;

            /// Ends at time zero.
            fn sub(self, duration: Duration) -> Self {
                Self(self.0.saturating_sub(millis(duration)))
            }
        }
    };
}

time!(WallTime);
time!(SteadyTime);

impl WallTime {
    /// The Unix epoch. Before every reading of a clock.
    pub const EPOCH: Self = Self(0);

    /// The time of this many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The whole seconds of the time.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }
}

impl SteadyTime {
    /// Before every reading of the clock: whatever is due then is due at once.
    pub const ZERO: Self = Self(0);
}

/// Whole milliseconds, as times are counted.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// By how much the steady clock is ahead of the time of day; behind it if negative. Turns
/// one kind of time into the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ahead(pub(super) i64);

impl Ahead {
    /// Ahead by this many milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The difference in milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The difference between two times of one moment.
    pub(super) fn between(steady: SteadyTime, wall: WallTime) -> Self {
        Self(int(steady.0) - int(wall.0))
    }

    /// The time of day at a steady time, as the time of day stands now.
    pub const fn wall(self, steady: SteadyTime) -> WallTime {
        WallTime(steady.0.saturating_add_signed(self.0.saturating_neg()))
    }

    /// The steady time at a time of day, as the time of day stands now.
    pub const fn steady(self, wall: WallTime) -> SteadyTime {
        SteadyTime(wall.0.saturating_add_signed(self.0))
    }
}

/// How old times of day are at one moment. An age is the shorter one of two: by the time of
/// day, and by the steady clock. So nothing becomes old because the time of day was set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ages {
    /// The earlier one of both clocks' readings. The steady clock begins at a time of day, so
    /// its reading is the time of day that would be now if nobody had set any since.
    now: WallTime,
}

impl Ages {
    pub(super) fn at(wall: WallTime, steady: SteadyTime) -> Self {
        Self {
            now: wall.min(WallTime(steady.0)),
        }
    }

    /// How long ago it was; zero for a time that is still to come.
    pub const fn of(self, then: WallTime) -> Duration {
        self.now.since(then)
    }

    /// Whether a time lies back by `age` or more.
    pub fn is_past(self, then: WallTime, age: Duration) -> bool {
        then + age <= self.now
    }
}

pub(super) fn int(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}
