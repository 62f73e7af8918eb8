//! From values to columns. The way back is [`super::rows`].

use std::time::Duration;

use tollgate_base::time::{SteadyTime, WallTime};

/// A value that a column holds as a number. Times and durations are milliseconds.
pub(crate) trait Number {
    /// The number.
    fn number(self) -> u64;
}

impl Number for u64 {
    fn number(self) -> u64 {
        self
    }
}

impl Number for WallTime {
    fn number(self) -> u64 {
        self.as_millis()
    }
}

impl Number for SteadyTime {
    fn number(self) -> u64 {
        self.as_millis()
    }
}

impl Number for Duration {
    fn number(self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The number as SQLite holds it. A number that does not fit becomes the largest one that
/// does.
pub(crate) fn int(value: impl Number) -> i64 {
    i64::try_from(value.number()).unwrap_or(i64::MAX)
}

/// The text; an empty text becomes NULL.
pub(crate) fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
