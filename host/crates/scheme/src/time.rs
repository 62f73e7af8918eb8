//! Reads times as providers write them.

use tollgate_base::rfc3339::{self, digits};
use tollgate_base::time::WallTime;

/// Integers below this number are seconds, others are milliseconds. In seconds the number lies in
/// the year 5138; in milliseconds it lies in 1973, before any provider's first event.
const FIRST_MILLIS: u64 = 100_000_000_000;

/// The time of an event: a number of seconds or milliseconds since the Unix epoch, or an RFC 3339
/// date and time. `None` if the text is neither: the time is for information only, and no event is
/// refused for it.
pub(super) fn created(text: &str) -> Option<WallTime> {
    if let Some(whole) = digits(text) {
        return from_number(whole);
    }
    let seconds = text.parse::<f64>().ok();
    let seconds = seconds.filter(|seconds| (0.0..FIRST_MILLIS as f64).contains(seconds));
    match seconds {
        Some(seconds) => Some(WallTime::from_millis((seconds * 1000.0) as u64)),
        None => rfc3339::parse(text),
    }
}

/// Whether the number of a time counts seconds; else milliseconds.
pub(super) fn is_in_seconds(number: u64) -> bool {
    number < FIRST_MILLIS
}

fn from_number(number: u64) -> Option<WallTime> {
    Some(if is_in_seconds(number) {
        WallTime::from_secs(number)
    } else {
        WallTime::from_millis(number)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_seconds_or_milliseconds() {
        let created = |text| created(text).map(WallTime::as_millis);
        assert_eq!(created("1760000000"), Some(1_760_000_000_000));
        assert_eq!(created("1760000000123"), Some(1_760_000_000_123));
        assert_eq!(created("1760000000.25"), Some(1_760_000_000_250));
        for nothing in ["-1", "true", "1e400", "NaN", "soon", ""] {
            assert_eq!(created(nothing), None, "{nothing}");
        }
    }
}
