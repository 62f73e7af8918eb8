//! Times as providers write them.

use std::time::Duration;

use tollgate_base::quantity::parse_duration;
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

use crate::node::Node;

/// The time that `now`, `now-2h` or `now+30d` means. `None` if the text is no such expression.
pub(crate) fn moment(text: &str, now: WallTime) -> Option<WallTime> {
    let shift = text.strip_prefix("now")?;
    match shift.split_at_checked(1) {
        None => Some(now),
        Some(("-", ago)) => Some(now - parse_duration(ago)?),
        Some(("+", ahead)) => Some(now + parse_duration(ahead)?),
        Some(_) => None,
    }
}

/// A time in one of the forms of providers:
///
/// - `secs` and `ms`: numbers since 1970
/// - `iso`, `iso_ms`, `iso_us` and `iso_offset`: RFC 3339 with `Z`, or with `+00:00`
/// - `at:PATTERN`, `at+7:PATTERN` and `at+0530:PATTERN`: a pattern of `strftime`, in UTC or some
///   hours (and minutes) east of it
pub(crate) fn written(time: WallTime, form: &str) -> Option<Node> {
    let whole = rfc3339::format(time);
    let second = whole.trim_end_matches('Z');
    let millis = time.as_millis() % 1000;
    Some(match form {
        "secs" => Node::number(time.as_secs()),
        "ms" => Node::number(time.as_millis()),
        "iso" => Node::Text(whole),
        "iso_ms" => Node::Text(format!("{second}.{millis:03}Z")),
        "iso_us" => Node::Text(format!("{second}.{millis:03}000Z")),
        "iso_offset" => Node::Text(format!("{second}+00:00")),
        other => {
            let (zone, pattern) = other.strip_prefix("at")?.split_once(':')?;
            let minutes: u64 = match zone.strip_prefix('+') {
                None if zone.is_empty() => 0,
                Some(zone) if zone.len() == 4 => {
                    zone[..2].parse::<u64>().ok()? * 60 + zone[2..].parse::<u64>().ok()?
                }
                hours => hours?.parse::<u64>().ok()? * 60,
            };
            let there = time + Duration::from_secs(minutes * 60);
            Node::Text(by_pattern(there, pattern)?)
        }
    })
}

fn by_pattern(time: WallTime, pattern: &str) -> Option<String> {
    let whole = rfc3339::format(time);
    let hour: u64 = whole[11..13].parse().ok()?;
    let mut text = String::new();
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        match rest.next()? {
            'Y' => text.push_str(&whole[..4]),
            'm' => text.push_str(&whole[5..7]),
            'd' => text.push_str(&whole[8..10]),
            'H' => text.push_str(&whole[11..13]),
            'I' => text.push_str(&(hour.wrapping_add(11) % 12 + 1).to_string()),
            'M' => text.push_str(&whole[14..16]),
            'S' => text.push_str(&whole[17..19]),
            'p' => text.push_str(if hour < 12 { "AM" } else { "PM" }),
            'f' => text.push_str(&format!("{:03}", time.as_millis() % 1000)),
            _ => return None,
        }
    }
    Some(text)
}
