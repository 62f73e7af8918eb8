//! Points in time as providers write them, and lengths of time as schemes do.

use std::time::Duration;

use serde_json::Value;

use tollgate_base::rfc3339::{self, digits};
use tollgate_base::time::WallTime;

/// Integers from here on are milliseconds, below it seconds: as seconds it lies in the year
/// 5138, as milliseconds in 1973, before any provider's first event.
const FIRST_MILLIS: u64 = 100_000_000_000;

/// A provider's time of an event: a number of seconds or milliseconds since the Unix epoch,
/// or an RFC 3339 date and time. `None` if it is neither: the time is for information, and
/// no reason to lose an event.
pub(super) fn created(value: &Value) -> Option<WallTime> {
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(whole) => from_number(whole),
            None => number
                .as_f64()
                .filter(|seconds| (0.0..FIRST_MILLIS as f64).contains(seconds))
                .map(|seconds| WallTime::from_millis((seconds * 1000.0) as u64)),
        },
        Value::String(text) => written(text),
        _ => None,
    }
}

/// The same of a text.
pub(super) fn written(text: &str) -> Option<WallTime> {
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

/// A length of time as a scheme writes it: `5m`, `300s`, `1h`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(digits(number)?.checked_mul(seconds)?))
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
