//! The `Retry-After` header (RFC 9110, section 10.2.3).

use std::time::Duration;

use http::{HeaderMap, header};

use tollgate_base::time::WallTime;

/// How long the answer asks to wait, seen from `now`. `None` when it does not ask, or in
/// a form that senders no longer may use.
pub(crate) fn retry_after(headers: &HeaderMap, now: WallTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large to read is a wait without end; the caller bounds it.
        return Some(Duration::from_secs(
            value.parse().unwrap_or(u32::MAX.into()),
        ));
    }
    let at = http_date(value)?;
    Some(at.since(now))
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<WallTime> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let (_weekday, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let mut word = || words.next();
    let day: u64 = digits(word()?, 2)?;
    let name = word().filter(|name| name.len() == 3)?;
    let month = MONTHS.find(name).filter(|at| at % 3 == 0)? as u64 / 3 + 1;
    let year: u64 = digits(word()?, 4)?;
    let mut time = word()?.split(':');
    let (hour, minute, second) = (time.next()?, time.next()?, time.next()?);
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
    let rest_is_right = time.next().is_none() && word() == Some("GMT") && word().is_none();
    let in_range = (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !rest_is_right || !in_range || year < 1970 {
        return None;
    }
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(WallTime::EPOCH + Duration::from_secs(seconds))
}

fn digits(text: &str, count: usize) -> Option<u64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years count from March
/// here, so that the leap day comes last.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    // 153 days are in any five months from March on; 719,468 lie before 1970 in this count.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str, now: u64) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers, WallTime::from_millis(now)).map(|wait| wait.as_secs())
    }

    #[test]
    fn reads_seconds() {
        assert_eq!(asked("120", 0), Some(120));
        assert_eq!(asked("0", 0), Some(0));
        assert_eq!(asked("99999999999999999999999", 0), Some(u32::MAX.into()));
        for wrong in ["-1", "1.5", "", "soon", "+3"] {
            assert_eq!(asked(wrong, 0), None, "{wrong}");
        }
    }

    #[test]
    fn reads_dates() {
        // The example of RFC 9110; the others from `date -u -d … +%s`.
        for (text, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Fri, 31 Dec 2027 12:00:00 GMT", 1_830_254_400),
        ] {
            assert_eq!(
                http_date(text),
                Some(WallTime::from_millis(seconds * 1000)),
                "{text}"
            );
        }
        assert_eq!(asked("Thu, 01 Jan 1970 00:01:00 GMT", 20_000), Some(40));
        assert_eq!(asked("Thu, 01 Jan 1970 00:00:00 GMT", 20_000), Some(0));
        for wrong in [
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 anF 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
        ] {
            assert_eq!(http_date(wrong), None, "{wrong}");
        }
    }
}
