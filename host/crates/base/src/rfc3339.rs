//! Dates and times in the form of RFC 3339.

use crate::quantity::parse_duration;
use crate::time::WallTime;

/// A date and time as [`parse`] reads it, with the nanoseconds below the millisecond.
pub fn parse_fine(text: &str) -> Option<(WallTime, u32)> {
    let time = parse(text)?;
    let digits = text.get(19..)?.strip_prefix('.').unwrap_or_default();
    let digits = digits.bytes().take_while(u8::is_ascii_digit);
    let below = digits.chain(*b"000000000").skip(3).take(6);
    let nanos = below.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    Some((time, nanos))
}

/// An RFC 3339 date and time, such as `2026-01-31T12:00:00.5+01:00`. A space
/// may stand for the `T`, and an offset may lack its colon, as some providers write it.
pub fn parse(text: &str) -> Option<WallTime> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| digits(text.get(from..to)?);
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
    let millis = u64::try_from(minutes).ok()? * 60_000 + second * 1000 + millis;
    Some(WallTime::from_millis(millis))
}

/// The time in UTC, to the second: `2026-01-31T23:59:59Z`.
pub fn format(time: WallTime) -> String {
    let seconds = time.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A plain decimal number of at most 16 digits. No sign, space, underscore or fraction is allowed,
/// although several official libraries accept them.
pub fn digits(text: &str) -> Option<u64> {
    let plain = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
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
    let figures: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = (digits(figures.get(0..2)?)?, digits(figures.get(2..4)?)?);
    let plain = figures.len() == 4 && hours < 24 && minutes < 60;
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

/// The year, month and day of a number of days after 1 January 1970. Counts from 1 March of the
/// year 0 in eras of 400 years (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year + u64::from(month <= 2);
    (year, month, day)
}

/// Reads a time as a person writes it: as in RFC 3339, or as how long ago, such as `2h`. `None` if
/// the text is neither.
pub fn parse_or_ago(text: &str, now: WallTime) -> Option<WallTime> {
    parse(text).or_else(|| Some(now - parse_duration(text)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

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
            assert_eq!(parse(text), Some(WallTime::from_millis(millis)), "{text}");
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
            assert_eq!(format(parse(text).unwrap()), text);
        }
        for day in 0..60_000 {
            let time = WallTime::from_secs(day * 86_400);
            assert_eq!(parse(&format(time)), Some(time));
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
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn decimals_are_digits_alone() {
        assert_eq!(digits("1760000000"), Some(1_760_000_000));
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
            assert_eq!(digits(text), None, "{text}");
        }
    }
}
