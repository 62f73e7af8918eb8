//! Time, as a part that can be replaced.
//!
//! Everything that decides by time asks a [`Clock`]; tests hand in one that they move by
//! hand. There are two kinds of time, each with a type of its own. [`WallTime`] is the time
//! of day: it is written down, others sign it, and it may be set, forward or back, at any
//! moment. [`SteadyTime`] is the time of the [`SteadyClock`], which nothing sets: whatever
//! is to happen so and so long after something else (a retry, a request's next try) goes by
//! it. Only this module turns one kind into the other: see [`Ahead`].

mod clock;
mod kinds;
mod manual;
mod steady;
#[cfg(test)]
mod tests;

pub use clock::{Clock, SystemClock};
pub use kinds::{Ages, Ahead, SteadyTime, WallTime};
pub use manual::ManualClock;
pub use steady::{ClockReading, SteadyClock};
