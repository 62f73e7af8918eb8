//! The output of commands: JSON, text and tables for a terminal.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

/// Prints a value as JSON, or as the text that `write_text` writes.
pub(super) fn print<T: Serialize>(
    json: bool,
    value: &T,
    write_text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{:#}", serde_json::to_value(value)?)?;
    } else {
        write_text(&mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints entries as a JSON array, or as a table. The text for an empty list is `empty`.
pub(super) fn print_list<T: Serialize, const N: usize>(
    json: bool,
    entries: &[T],
    empty: &str,
    head: [&str; N],
    row: impl Fn(&T) -> [String; N],
) -> anyhow::Result<ExitCode> {
    print(json, &entries, |out| {
        write_list(out, entries, empty, head, row)
    })
}

/// Writes entries as a table, or `empty` if there are no entries.
pub(super) fn write_list<T, const N: usize>(
    out: &mut dyn Write,
    entries: &[T],
    empty: &str,
    head: [&str; N],
    row: impl Fn(&T) -> [String; N],
) -> io::Result<()> {
    if entries.is_empty() {
        return writeln!(out, "{empty}");
    }
    write_rows(out, head, entries.iter().map(row))
}

/// Writes a head and rows as a table. Each column has the width of its longest cell. Control
/// characters in cells are replaced.
pub(super) fn write_rows<const N: usize>(
    out: &mut dyn Write,
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> io::Result<()> {
    let mut all = vec![head.map(str::to_owned)];
    all.extend(rows.into_iter().map(|row| row.map(|cell| printable(&cell))));
    let width = |column: usize| {
        let widths = all.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    for row in &all {
        let cells = row.iter().zip(&widths);
        let line: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

/// The text without control characters. Handlers and receivers write such texts, and control
/// characters could drive the terminal.
pub(super) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// The value, or a dash if there is none.
pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// The time in UTC, to the second: `2026-01-31T23:59:59Z`.
pub(super) fn utc(time: WallTime) -> String {
    rfc3339::format(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_that_is_shown_is_read_back(seconds in 0..4_000_000_000_u64) {
            let time = WallTime::from_secs(seconds);
            prop_assert_eq!(rfc3339::parse(&utc(time)), Some(time));
        }
    }

    #[test]
    fn times_are_in_utc() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399_999, "2000-02-28T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_767_225_599_000, "2025-12-31T23:59:59Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(WallTime::from_millis(millis)), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_they_need_to_be() {
        let mut out = Vec::new();
        let rows = [["a".to_owned(), "long enough".to_owned()]];
        write_rows(&mut out, ["first", "x"], rows).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "first  x\na      long enough\n"
        );
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}
