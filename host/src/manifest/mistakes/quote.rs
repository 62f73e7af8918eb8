//! The line of a mistake as it is shown: with secrets masked and with a caret.
//!
//! If the text is TOML, the tree says where the values are. Values that may not be quoted are
//! masked. If the text is no TOML, the tree is not reliable. Then a line is shown whole only if the
//! line sets a key that never holds a secret.

use std::collections::HashSet;

use super::mask::{MASK, hidden_parts, mask_broken_line};
use crate::manifest::text::tree::{Node, Span};
use tollgate_base::printable::is_unprintable;

/// How many characters of a long line are shown.
const WINDOW: usize = 120;

/// A line of the text, and the place that the caret marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quote {
    /// The masked line. Of a long line, only the part around the place.
    pub(super) line: String,
    /// Where the place begins in the line, in characters.
    pub(super) indent: usize,
    /// How many characters the place has in the line, at least 1.
    pub(super) width: usize,
}

/// Quotes the lines of one text.
pub(super) struct Quoter<'t> {
    text: &'t str,
    /// The start of each line.
    starts: Vec<usize>,
    /// The places of the values. `None` if the text is no TOML.
    values: Option<Values>,
}

/// Places in the text, in the order of the text.
struct Values {
    /// Each value that is no array and no table.
    all: Vec<Span>,
    /// The parts of the values that must be masked.
    hidden: Vec<Span>,
}

impl<'t> Quoter<'t> {
    /// A quoter for a TOML text. It masks each value under `root` that does not start at a place in
    /// `quotable`.
    pub(super) fn of_tree(text: &'t str, root: &Node, quotable: &HashSet<usize>) -> Self {
        let mut all = Vec::new();
        let mut hidden = Vec::new();
        root.leaves(&mut |leaf| {
            all.push(leaf.span.clone());
            if !quotable.contains(&leaf.span.start) {
                hidden_parts(text, &leaf.span, &mut hidden);
            }
        });
        all.sort_by_key(|span| span.start);
        hidden.sort_by_key(|span| span.start);
        Self {
            values: Some(Values { all, hidden }),
            ..Self::of_broken_text(text)
        }
    }

    /// A quoter for a text that is no TOML.
    pub(super) fn of_broken_text(text: &'t str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(breaks).collect(),
            values: None,
        }
    }

    /// The line and the column (in characters) of the byte `at`. Both count from 1.
    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        let at = self.text.floor_char_boundary(at);
        let line = self.starts.partition_point(|start| *start <= at);
        let before = &self.text[self.starts[line - 1]..at];
        (
            line,
            before.trim_start_matches('\u{feff}').chars().count() + 1,
        )
    }

    /// The line in which `span` begins, with the place of `span`.
    pub(super) fn quote(&self, span: &Span) -> Quote {
        let (number, column) = self.position(span.start);
        let start = self.starts[number - 1];
        let rest = &self.text[start..];
        let line = rest.lines().next().unwrap_or_default();
        let shown: Vec<char> = self
            .shown(start, line)
            .trim_start_matches('\u{feff}')
            .chars()
            .map(|c| if c == '\t' { ' ' } else { c })
            .map(|c| if is_unprintable(c) { '\u{fffd}' } else { c })
            .collect();
        let end = self
            .text
            .floor_char_boundary(span.end)
            .min(start + line.len());
        let width = match self
            .text
            .get(self.text.floor_char_boundary(span.start)..end)
        {
            Some(marked) => marked.chars().count().max(1),
            None => 1,
        };
        window(&shown, column - 1, width)
    }

    /// The whole line that begins at byte `start`, with masked secrets.
    fn shown(&self, start: usize, line: &str) -> String {
        let Some(Values { all, hidden }) = &self.values else {
            return mask_broken_line(line);
        };
        let end = start + line.len();
        let here = |spans: &'_ [Span]| -> Vec<Span> {
            let first = spans.partition_point(|span| span.end <= start);
            let here = spans[first..].iter().take_while(|span| span.start < end);
            here.cloned().collect()
        };
        // A comment is left out: it may contain an old secret, and no mistake is about a comment.
        let values_end = here(all).last().map_or(start, |span| span.end.min(end));
        let comment = self.text[values_end..end]
            .find('#')
            .map_or(end, |at| values_end + at);
        let hidden = here(hidden);
        line.char_indices()
            .map(|(at, c)| (start + at, c))
            .take_while(|(at, _)| *at < comment)
            .map(|(at, c)| {
                let masked = hidden.iter().any(|span| span.contains(&at));
                if masked { MASK } else { c }
            })
            .collect()
    }
}

/// Cuts a long line to the part around the place.
fn window(line: &[char], indent: usize, width: usize) -> Quote {
    let indent = indent.min(line.len());
    if line.len() <= WINDOW + WINDOW / 2 {
        return Quote {
            line: line.iter().collect::<String>().trim_end().to_owned(),
            indent,
            width,
        };
    }
    let from = indent.saturating_sub(WINDOW / 3);
    let to = (from + WINDOW).min(line.len());
    let (before, after) = (
        if from > 0 { "…" } else { "" },
        if to < line.len() { "…" } else { "" },
    );
    let part: String = line[from..to].iter().collect();
    Quote {
        line: format!("{before}{part}{after}"),
        indent: indent - from + before.chars().count(),
        width: width.min(to - indent.min(to)).max(1),
    }
}
