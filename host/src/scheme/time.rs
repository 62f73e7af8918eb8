//! Points in time as providers write them, and lengths of time as schemes do.

use std::time::Duration;

use serde_json::Value;

use crate::event::UnixMillis;

/// Integers from here on are milliseconds, below it seconds: as seconds it lies in the year
/// 5138, as milliseconds in 1973, before any provider's first event.
const FIRST_MILLIS: u64 = 100_000_000_000;

/// A provider's time of an event: a number of seconds or milliseconds since the Unix epoch,
/// or an RFC 3339 date and time. `None` if it is neither: the time is for information, and
/// no reason to lose an event.
pub(super) fn created(value: &Value) -> Option<UnixMillis> {
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(whole) => from_number(whole),
            None => number
                .as_f64()
                .filter(|seconds| (0.0..FIRST_MILLIS as f64).contains(seconds))
                .map(|seconds| (seconds * 1000.0) as u64),
        },
        Value::String(text) => written(text),
        _ => None,
    }
}

/// The same of a text.
pub(super) fn written(text: &str) -> Option<UnixMillis> {
    match decimal(text) {
        Some(whole) => from_number(whole),
        None => rfc3339(text),
    }
}

fn from_number(number: u64) -> Option<UnixMillis> {
    if number < FIRST_MILLIS {
        Some(number * 1000)
    } else {
        Some(number)
    }
}

/// A plain decimal number: digits alone, without sign, space, underscore or fraction, which
/// several official libraries let through. At most 16 digits.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let plain = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Milliseconds of an RFC 3339 date and time, such as `2026-01-31T12:00:00.5+01:00`. A space
/// may stand for the `T`, and an offset may lack its colon, as some providers write it.
pub(crate) fn rfc3339(text: &str) -> Option<UnixMillis> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| decimal(text.get(from..to)?);
    let is = |at: usize, any: &[u8]| bytes.get(at).is_some_and(|byte| any.contains(byte));
    let punctuated = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
    if !punctuated {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range {
        return None;
    }
    let rest = text.get(19..)?;
    let (millis, zone) = fraction(rest)?;
    let offset = offset_minutes(zone)?;
    let minutes = (days_before(year, month, day) * 24 + hour) * 60 + minute;
    let minutes = i64::try_from(minutes).ok()? - offset;
    Some(u64::try_from(minutes).ok()? * 60_000 + second * 1000 + millis)
}

/// The time in RFC 3339, in UTC and to the second.
pub(crate) fn show_rfc3339(millis: UnixMillis) -> String {
    let seconds = millis / 1000;
    let mut days = seconds / 86_400;
    // Two steps of looking: the year from its usual length, then the month.
    let mut year = 1970 + days / 366;
    while days_before(year + 1, 1, 1) <= days {
        year += 1;
    }
    days -= days_before(year, 1, 1);
    let mut month = 1;
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!(
        "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        days + 1
    )
}

/// Splits `.123456Z` into milliseconds and the zone.
fn fraction(rest: &str) -> Option<(u64, &str)> {
    let Some(digits) = rest.strip_prefix('.') else {
        return Some((0, rest));
    };
    let end = digits.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, zone) = digits.split_at(end);
    let first = digits.bytes().chain(*b"000").take(3);
    let millis = first.fold(0, |millis, digit| millis * 10 + u64::from(digit - b'0'));
    (!digits.is_empty()).then_some((millis, zone))
}

/// Minutes east of Greenwich.
fn offset_minutes(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = (decimal(digits.get(0..2)?)?, decimal(digits.get(2..4)?)?);
    let plain = digits.len() == 4 && hours < 24 && minutes < 60;
    if plain {
        Some(sign * i64::try_from(hours * 60 + minutes).ok()?)
    } else {
        None
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to this date.
fn days_before(year: u64, month: u64, day: u64) -> u64 {
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    let months: u64 = (1..month).map(|month| days_in(year, month)).sum();
    years + months + day - 1
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
    Some(Duration::from_secs(decimal(number)?.checked_mul(seconds)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_seconds_or_milliseconds() {
        assert_eq!(created(&json!(1_760_000_000)), Some(1_760_000_000_000));
        assert_eq!(
            created(&json!(1_760_000_000_123_u64)),
            Some(1_760_000_000_123)
        );
        assert_eq!(created(&json!("1760000000")), Some(1_760_000_000_000));
        assert_eq!(created(&json!(1_760_000_000.25)), Some(1_760_000_000_250));
        assert_eq!(created(&json!(-1)), None);
        assert_eq!(created(&json!(true)), None);
    }

    #[test]
    fn dates_of_several_providers() {
        // From `date -u -d TEXT +%s%3N`.
        for (text, millis) in [
            ("2020-02-06T21:27:34.308Z", 1_581_024_454_308),
            ("2021-01-01T01:00:00+01:00", 1_609_459_200_000),
            ("2021-01-01T01:00:00+0100", 1_609_459_200_000),
            ("2021-08-17T09:45:53.000000Z", 1_629_193_553_000),
            ("2024-02-29 23:59:59Z", 1_709_251_199_000),
            ("2000-03-01T00:00:00-00:30", 951_870_600_000),
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-23T12:00:00.5Z", 1_795_435_200_500),
        ] {
            assert_eq!(rfc3339(text), Some(millis), "{text}");
        }
    }

    #[test]
    fn dates_are_shown_as_they_are_read() {
        for text in [
            "1970-01-01T00:00:00Z",
            "1999-12-31T23:59:59Z",
            "2000-02-29T12:00:00Z",
            "2024-12-31T00:00:01Z",
            "2026-12-01T00:00:00Z",
            "2100-03-01T00:00:00Z",
        ] {
            assert_eq!(show_rfc3339(rfc3339(text).unwrap()), text);
        }
        for day in 0..60_000 {
            let millis = day * 86_400_000;
            assert_eq!(rfc3339(&show_rfc3339(millis)), Some(millis));
        }
    }

    #[test]
    fn what_is_no_date_is_no_date() {
        for text in [
            "",
            "2020",
            "2020-02-30T00:00:00Z",
            "2021-02-29T00:00:00Z",
            "2020-13-01T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "2020-01-01T00:00:00",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00:00+1:00",
            "2020-01-01T00:00:00Zjunk",
            "+020-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2020-01-01T00:00:00+é",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn decimals_are_digits_alone() {
        assert_eq!(decimal("1760000000"), Some(1_760_000_000));
        for text in [
            "",
            " 1",
            "1 ",
            "+1",
            "-1",
            "1_760",
            "1.0",
            "1e9",
            "0x1",
            "12345678901234567",
            "١",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
}
