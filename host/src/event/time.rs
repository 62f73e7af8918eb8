//! Times of day.

/// A point in time: milliseconds since the Unix epoch, UTC.
pub type UnixMillis = u64;
