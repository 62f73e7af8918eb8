//! Reads times as providers write them.

use serde_json::Value;

use tollgate_base::rfc3339::{self, digits};
use tollgate_base::time::WallTime;

/// Integers below this number are seconds, others are milliseconds. In seconds the number lies in
/// the year 5138; in milliseconds it lies in 1973, before any provider's first event.
const FIRST_MILLIS: u64 = 100_000_000_000;

/// The time of an event: a number of seconds or milliseconds since the Unix epoch, or an RFC 3339
/// date and time. `None` if the value is neither: the time is for information only, and no event is
/// refused for it.
pub(super) fn created(value: &Value) -> Option<WallTime> {
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(whole) => from_number(whole),
            None => number
                .as_f64()
                .filter(|seconds| (0.0..FIRST_MILLIS as f64).contains(seconds))
                .map(|seconds| WallTime::from_millis((seconds * 1000.0) as u64)),
        },
        Value::String(text) => created_text(text),
        _ => None,
    }
}

/// The time in a text: see [`created`].
pub(super) fn created_text(text: &str) -> Option<WallTime> {
    match digits(text) {
        Some(whole) => from_number(whole),
        None => rfc3339::parse(text),
    }
}

fn from_number(number: u64) -> Option<WallTime> {
    Some(if number < FIRST_MILLIS {
        WallTime::from_secs(number)
    } else {
        WallTime::from_millis(number)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_seconds_or_milliseconds() {
        let created = |value| created(&value).map(WallTime::as_millis);
        assert_eq!(created(json!(1_760_000_000)), Some(1_760_000_000_000));
        assert_eq!(
            created(json!(1_760_000_000_123_u64)),
            Some(1_760_000_000_123)
        );
        assert_eq!(created(json!("1760000000")), Some(1_760_000_000_000));
        assert_eq!(created(json!(1_760_000_000.25)), Some(1_760_000_000_250));
        assert_eq!(created(json!(-1)), None);
        assert_eq!(created(json!(true)), None);
    }
}
