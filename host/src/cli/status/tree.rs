//! The whole status as indented lines.

use std::io::Write;
use std::time::Duration;

use serde_json::{Number, Value};
use tollgate_base::quantity::{about_size, show_duration};
use tollgate_base::time::WallTime;

use crate::cli::output::time;

/// Writes a tree of values as indented lines, for people: times of day, durations and sizes in
/// their units.
pub(super) fn write_tree(out: &mut dyn Write, value: &Value, depth: usize) -> std::io::Result<()> {
    write_fields(out, value, (depth, false))
}

/// Writes the fields of an object. `in_times` says whether their numbers are times of day.
fn write_fields(
    out: &mut dyn Write,
    value: &Value,
    (depth, in_times): (usize, bool),
) -> std::io::Result<()> {
    let Value::Object(fields) = value else {
        return Ok(());
    };
    for (name, value) in fields {
        let (shown, is_time) = match name.strip_suffix("_ms") {
            Some(shown) => (shown, true),
            None => (name.as_str(), in_times),
        };
        write!(out, "{:indent$}{shown}", "", indent = depth * 2)?;
        match value {
            Value::Object(_) => {
                writeln!(out)?;
                write_fields(out, value, (depth + 1, is_time))?;
            }
            Value::String(text) => writeln!(out, " {}", text.replace('\n', "\n      "))?,
            Value::Null => writeln!(out, " -")?,
            Value::Number(number) => {
                writeln!(out, " {}", number_for_people(name, is_time, number))?;
            }
            other => writeln!(out, " {other}")?,
        }
    }
    Ok(())
}

/// A number of milliseconds that is greater is a time of day: it would be a duration of 31 years.
const LONGEST_DURATION: u64 = 1_000_000_000_000;

fn number_for_people(name: &str, is_time: bool, number: &Number) -> String {
    let is_size = name == "bytes" || name.starts_with("memory_");
    match number.as_u64() {
        Some(millis) if is_time && millis >= LONGEST_DURATION => {
            time(WallTime::from_millis(millis))
        }
        Some(millis) if is_time => show_duration(Duration::from_millis(millis)),
        Some(bytes) if is_size => about_size(bytes),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_and_sizes_are_shown_for_people() {
        let status = json!({
            "now_ms": 1_780_000_000_000_u64,
            "backlog": { "age_ms": 90_500, "deliveries": 3 },
            "guests": { "memory_limit": 1_073_741_824, "running": 0 },
            "held_hosts_until_ms": { "crm.example.com": 1_780_000_060_000_u64 },
            "ledger": { "oldest_ms": null, "log": { "bytes": 863_000_000 } },
        });
        let mut out = Vec::new();
        write_tree(&mut out, &status, 0).unwrap();
        let text = String::from_utf8(out).unwrap();
        for line in [
            "now 2026-05-28T20:26:40Z",
            "  age 1m30s500ms",
            "  deliveries 3",
            "  memory_limit 1.1 GB",
            "  crm.example.com 2026-05-28T20:27:40Z",
            "  oldest -",
            "    bytes 863 MB",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
        }
    }
}
