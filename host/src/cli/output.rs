//! The output of commands: JSON, text and tables for a terminal.

use std::io::{self, StderrLock, StdoutLock, Write};
use std::process::ExitCode;

use serde::Serialize;
pub(super) use tollgate_base::printable::printable;
use tollgate_base::printable::{PrintableWriter, Unprintable};

pub(super) use super::table::{style_of, write_list, write_rows};
use super::terminal;
pub(super) use super::terminal::{short_id, time};

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
    let unprintable = match terminal::is_coloured() {
        true => Unprintable::ReplacedBesideStyles,
        false => Unprintable::Replaced,
    };
    PrintableWriter::new(io::stdout().lock(), unprintable)
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

/// `1 mistake`, `2 mistakes`.
pub(super) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The value, or a dash if there is none.
pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
