//! The output of commands: JSON, text and tables for a terminal.

use std::io::{self, StderrLock, StdoutLock, Write};
use std::process::ExitCode;

use serde::Serialize;
pub(super) use tollgate_base::printable::printable;
use tollgate_base::printable::{PrintableWriter, Unprintable};
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

/// Prints a value as JSON, or as the text that `write_text` writes.
pub(super) fn print<T: Serialize>(
    json: bool,
    value: &T,
    write_text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<ExitCode> {
    if json {
        writeln!(json_out(), "{:#}", serde_json::to_value(value)?)?;
    } else {
        write_text(&mut text_out())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Standard output for text: unprintable characters are replaced.
pub(super) fn text_out() -> PrintableWriter<StdoutLock<'static>> {
    PrintableWriter::new(io::stdout().lock(), Unprintable::Replaced)
}

/// Standard output for JSON: unprintable characters are escaped.
pub(super) fn json_out() -> PrintableWriter<StdoutLock<'static>> {
    PrintableWriter::new(io::stdout().lock(), Unprintable::Escaped)
}

/// Standard error for text: unprintable characters are replaced.
pub(super) fn text_err() -> PrintableWriter<StderrLock<'static>> {
    PrintableWriter::new(io::stderr().lock(), Unprintable::Replaced)
}

/// Prints an error to standard error, after the name of the program.
pub(super) fn print_error(error: impl std::fmt::Display) {
    // There is no place to report a failure of standard error.
    let _ = writeln!(text_err(), "tollgate: {error:#}");
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

/// The most characters of a cell. A longer text ends with `…`.
const MAX_CELL: usize = 200;

/// Writes a head and rows as a table. Each column has the width of its longest cell. Unprintable
/// characters in cells are replaced.
pub(super) fn write_rows<const N: usize>(
    out: &mut dyn Write,
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> io::Result<()> {
    let mut all = vec![head.map(str::to_owned)];
    all.extend(rows.into_iter().map(|row| row.map(|cell| shown(&cell))));
    let width = |column: usize| {
        let widths = all.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    for row in &all {
        let cells = row.iter().zip(&widths);
        let line: Vec<_> = cells
            .map(|(cell, width)| {
                let padding = width - cell.chars().count();
                format!("{cell}{}", " ".repeat(padding))
            })
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

/// A cell as a table shows it.
fn shown(cell: &str) -> String {
    let cell = printable(cell);
    match cell.char_indices().nth(MAX_CELL) {
        None => cell.into_owned(),
        Some(_) => cell.chars().take(MAX_CELL - 1).chain(['…']).collect(),
    }
}

/// `1 mistake`, `2 mistakes`.
pub(super) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
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
    fn a_cell_of_any_length_can_be_shown() {
        for length in [199, 200, 201, 65_535, 65_536, 200_000] {
            let mut out = Vec::new();
            let rows = [["é".repeat(length), "b".to_owned()]];
            write_rows(&mut out, ["first", "second"], rows).unwrap();
            let text = String::from_utf8(out).unwrap();
            let (cell, end) = text.lines().nth(1).unwrap().split_once("  ").unwrap();
            assert_eq!(cell.chars().count(), length.min(200));
            assert_eq!(cell.ends_with('…'), length > 200);
            assert_eq!(end, "b");
        }
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let mut out = Vec::new();
        write_rows(&mut out, ["head"], [["a\u{1b}[2J\u{202e}\nb".to_owned()]]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "head\na\u{fffd}[2J\u{fffd}\u{fffd}b\n");
    }
}
