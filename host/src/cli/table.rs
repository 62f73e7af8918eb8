//! Tables: columns as wide as they need to be, and no wider than the terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Effects, Style};
use console::{measure_text_width, truncate_str};
use tollgate_base::printable::printable;

use super::terminal;

/// The most characters of a cell. A longer text ends with `…`.
const MAX_CELL: usize = 200;
/// The fewest columns of the terminal that a column is cut to.
const NARROWEST: usize = 8;
/// The space between two columns.
const GAP: &str = "  ";

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

/// Writes a head and rows as a table. Each column has the width of its longest cell; where the
/// terminal is narrower, the widest columns are cut. Unprintable characters in cells are replaced.
pub(super) fn write_rows<const N: usize>(
    out: &mut dyn Write,
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> io::Result<()> {
    let layout = Layout {
        width: terminal::width(),
        coloured: terminal::is_coloured(),
    };
    layout.write(out, head, rows)
}

/// What a table must fit.
struct Layout {
    /// The columns of the terminal; `None` if there is none.
    width: Option<usize>,
    coloured: bool,
}

impl Layout {
    fn write<const N: usize>(
        &self,
        out: &mut dyn Write,
        head: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> io::Result<()> {
        let head = head.map(str::to_owned);
        let rows: Vec<_> = rows
            .into_iter()
            .map(|row| row.map(|cell| shown(&cell)))
            .collect();
        let all = || std::iter::once(&head).chain(&rows);
        let widest = |column: usize| all().map(|row| measure_text_width(&row[column])).max();
        let widths = (0..N).map(|column| widest(column).unwrap_or_default());
        let widths = self.fitting(widths.collect());
        let bold = |_: &str| Style::new().effects(Effects::BOLD);
        writeln!(out, "{}", self.line(&head, &widths, bold))?;
        rows.iter()
            .try_for_each(|row| writeln!(out, "{}", self.line(row, &widths, style_of)))
    }

    /// The widths of the columns, cut until they fit.
    fn fitting(&self, mut widths: Vec<usize>) -> Vec<usize> {
        let Some(width) = self.width else {
            return widths;
        };
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        loop {
            let over = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
            let widest = widths.iter_mut().max().filter(|one| **one > NARROWEST);
            match widest {
                Some(widest) if over > 0 => *widest -= 1,
                _ => return widths,
            }
        }
    }

    fn line(&self, row: &[String], widths: &[usize], style: impl Fn(&str) -> Style) -> String {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            let text = truncate_str(cell, *width, "…");
            let padding = width.saturating_sub(measure_text_width(&text));
            let style = style(cell);
            match self.coloured && !style.is_plain() {
                true => line.push_str(&format!("{style}{text}{style:#}")),
                false => line.push_str(&text),
            }
            if at + 1 < row.len() {
                line.extend(std::iter::repeat_n(' ', padding + GAP.len()));
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// The style of a state of deliveries or requests, or of a handler's outcome. Plain for any other
/// text.
pub(super) fn style_of(text: &str) -> Style {
    match text {
        "done" | "sent" => AnsiColor::Green.on_default(),
        "dead" => AnsiColor::Red.on_default(),
        "retrying" | "held" | "waiting" => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}

/// A cell as a table shows it.
fn shown(cell: &str) -> String {
    let cell = printable(cell);
    match cell.char_indices().nth(MAX_CELL) {
        None => cell.into_owned(),
        Some(_) => cell.chars().take(MAX_CELL - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn written<const N: usize>(layout: &Layout, head: [&str; N], row: [&str; N]) -> String {
        let mut out = Vec::new();
        let rows = [row.map(str::to_owned)];
        layout.write(&mut out, head, rows).unwrap();
        String::from_utf8(out).unwrap()
    }

    const PLAIN: Layout = Layout {
        width: None,
        coloured: false,
    };

    #[test]
    fn columns_are_as_wide_as_they_need_to_be() {
        let text = written(&PLAIN, ["first", "x"], ["a", "long enough"]);
        assert_eq!(text, "first  x\na      long enough\n");
        // A character of East Asia has two columns.
        let text = written(&PLAIN, ["name", "x"], ["你好世", "b"]);
        assert_eq!(text, "name    x\n你好世  b\n");
    }

    #[test]
    fn a_table_is_no_wider_than_the_terminal() {
        let narrow = Layout {
            width: Some(30),
            ..PLAIN
        };
        let row = ["a".repeat(40), "short".to_owned(), "b".repeat(20)];
        let row = row.each_ref().map(String::as_str);
        let text = written(&narrow, ["first", "second", "third"], row);
        for line in text.lines() {
            assert!(measure_text_width(line) <= 30, "{text}");
        }
        let cells = text.lines().nth(1).unwrap();
        assert!(cells.starts_with("aaaaaaaaa…  short   bbbbbbbb"), "{text}");
        let tiny = Layout {
            width: Some(3),
            ..PLAIN
        };
        assert!(written(&tiny, ["first", "second", "third"], row).contains("short"));
    }

    #[test]
    fn heads_and_states_are_in_colours_that_count_for_no_width() {
        let coloured = Layout {
            coloured: true,
            ..PLAIN
        };
        let text = written(&coloured, ["state", "x"], ["dead", "b"]);
        let wanted = "\u{1b}[1mstate\u{1b}[0m  \u{1b}[1mx\u{1b}[0m\n\u{1b}[31mdead\u{1b}[0m   b\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_cell_of_any_length_can_be_shown() {
        for length in [199, 200, 201, 65_535, 65_536, 200_000] {
            let text = written(&PLAIN, ["first", "second"], [&"é".repeat(length), "b"]);
            let (cell, end) = text.lines().nth(1).unwrap().split_once("  ").unwrap();
            assert_eq!(cell.chars().count(), length.min(200));
            assert_eq!(cell.ends_with('…'), length > 200);
            assert_eq!(end, "b");
        }
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let text = written(&PLAIN, ["head"], ["a\u{1b}[2J\u{202e}\nb"]);
        assert_eq!(text, "head\na\u{fffd}[2J\u{fffd}\u{fffd}b\n");
    }
}
