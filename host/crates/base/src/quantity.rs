//! Durations, sizes and rates as people write them.

use std::time::Duration;

const MILLIS: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

const BYTES: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
    ("kB", 1000),
    ("B", 1),
];

/// Reads a duration such as `250ms`, `5m` or `1h30m`: whole numbers with units (d, h, m, s, ms).
/// The largest unit comes first, and each unit comes once.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units = MILLIS;
    loop {
        let (number, unit, after) = number_and_unit(rest)?;
        let place = units.iter().position(|(name, _)| *name == unit)?;
        total = total.checked_add(number.checked_mul(units[place].1)?)?;
        if after.is_empty() {
            return Some(Duration::from_millis(total));
        }
        units = &units[place + 1..];
        rest = after;
    }
}

/// Reads a size such as `64MiB`, `1KiB`, `1MB` or `512B`. The result is in bytes.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit, rest) = number_and_unit(text)?;
    let (_, bytes) = BYTES.iter().find(|(name, _)| *name == unit)?;
    rest.is_empty().then(|| number.checked_mul(*bytes))?
}

/// Reads a rate such as `100/s`, `10/m` or `5/h`. The result is the number and the time.
pub fn parse_rate(text: &str) -> Option<(u64, Duration)> {
    let (count, unit) = text.split_once('/')?;
    let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let unit = unit.trim_start();
    let (_, millis) = MILLIS
        .iter()
        .find(|(name, _)| *name == unit && matches!(unit, "s" | "m" | "h"))?;
    let count = digits.then(|| count.parse().unwrap_or(u64::MAX))?;
    Some((count, Duration::from_millis(*millis)))
}

/// The duration in the form that [`parse_duration`] reads, in whole milliseconds.
pub fn show_duration(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut shown = String::new();
    for (unit, millis) in MILLIS {
        if left >= *millis {
            shown.push_str(&format!("{}{unit}", left / millis));
            left %= millis;
        }
    }
    if shown.is_empty() {
        shown.push_str("0s");
    }
    shown
}

/// A number of milliseconds in its two largest units, for people: `1h5m`, `12s`, `3s200ms`.
pub fn rough_duration(millis: u64) -> String {
    let unit = match millis {
        0..10_000 => 100,
        10_000..3_600_000 => 1_000,
        3_600_000..86_400_000 => 60_000,
        _ => 3_600_000,
    };
    show_duration(Duration::from_millis(millis / unit * unit))
}

/// The size in the largest of the units GiB, MiB, KiB and B that divides the size.
pub fn show_size(bytes: u64) -> String {
    BYTES[..3]
        .iter()
        .find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size))
        .map_or_else(
            || format!("{bytes}B"),
            |(unit, size)| format!("{}{unit}", bytes / size),
        )
}

/// About how much a size is, for people: `863 MB`.
pub fn about_size(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    let unit = units.iter().find(|(_, size)| bytes >= *size);
    match unit {
        Some((unit, size)) if bytes < 10 * size => {
            format!("{:.1} {unit}", bytes as f64 / *size as f64)
        }
        Some((unit, size)) => format!("{} {unit}", bytes / size),
        None => format!("{bytes} bytes"),
    }
}

/// Splits `90s…` into the number, the unit and the rest.
fn number_and_unit(text: &str) -> Option<(u64, &str, &str)> {
    let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let end = rest
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    Some((number.parse().ok()?, unit, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rough_durations_have_two_units() {
        for (millis, shown) in [
            (0, "0s"),
            (1_234, "1s200ms"),
            (90_500, "1m30s"),
            (3_723_456, "1h2m"),
            (90_000_000, "1d1h"),
        ] {
            assert_eq!(rough_duration(millis), shown);
        }
    }

    #[test]
    fn rates_are_read() {
        let second = Duration::from_secs(1);
        assert_eq!(parse_rate("100/s"), Some((100, second)));
        assert_eq!(parse_rate("10/m"), Some((10, second * 60)));
        assert_eq!(parse_rate("5/ h"), Some((5, second * 3600)));
        for wrong in [
            "", "/s", "100", "100/", "-1/s", "1.5/s", "1/d", "1/ms", "1s", "1/s/s",
        ] {
            assert_eq!(parse_rate(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_read_and_show() {
        for (text, millis) in [
            ("250ms", 250),
            ("2s", 2000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("35d", 35 * 86_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse_duration(text), Some(duration), "{text}");
            assert_eq!(show_duration(duration), text);
        }
    }

    #[test]
    fn other_durations_are_refused() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "1.5s",
            "-1s",
            "5min",
            "30m1h",
            "1s1s",
            "5s ",
            " 5s",
            "1S",
            "99999999999999999999s",
            "18446744073709551615d",
            "0s0s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_read_and_show() {
        for (text, bytes, shown) in [
            ("64MiB", 64 << 20, "64MiB"),
            ("1KiB", 1024, "1KiB"),
            ("1MB", 1_000_000, "1000000B"),
            ("1kB", 1000, "1000B"),
            ("1536B", 1536, "1536B"),
            ("0B", 0, "0B"),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
            assert_eq!(show_size(bytes), shown);
        }
    }

    #[test]
    fn other_sizes_are_refused() {
        for text in [
            "",
            "64",
            "64 MiB",
            "64mib",
            "1.5MiB",
            "-1B",
            "MiB",
            "1MiB1KiB",
            "99999999999GiB",
        ] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
