//! Lines of the manifest as mistakes quote them: with secrets masked and carets in place.
//!
//! Where the text is TOML, the parse tree says where values stand; those that are not
//! known to be plain are masked. Where it is not, the tree cannot be relied upon: a line
//! is then shown whole only if it sets a key that never holds a secret.

use std::collections::HashSet;

use super::super::raw::{Node, Span};
use super::super::substitute::references;

/// How much of a long line is shown, in characters.
const WINDOW: usize = 120;

/// What hides a character. ASCII, since mistakes end up in logs.
const MASK: char = '*';

/// A line with a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quote {
    /// The line, masked and cut to its part around the place.
    pub(super) line: String,
    /// Where the place begins in it, in characters.
    pub(super) indent: usize,
    /// How many characters it has there, at least 1.
    pub(super) width: usize,
}

/// Quotes lines of one text.
pub(super) struct Quoter<'t> {
    text: &'t str,
    /// Where each line starts.
    starts: Vec<usize>,
    /// Where the values are; none where the tree is not to be relied upon.
    values: Option<Values>,
}

/// Places in the text, in its order.
struct Values {
    /// Every value that holds no others.
    all: Vec<Span>,
    /// What of them may not be shown.
    hidden: Vec<Span>,
}

impl<'t> Quoter<'t> {
    /// For a text that is TOML: masks the values under `root` that do not start at one
    /// of `plain`.
    pub(super) fn of_tree(text: &'t str, root: &Node, plain: &HashSet<usize>) -> Self {
        let mut all = Vec::new();
        let mut hidden = Vec::new();
        root.leaves(&mut |leaf| {
            all.push(leaf.span.clone());
            if !plain.contains(&leaf.span.start) {
                hide(text, &leaf.span, &mut hidden);
            }
        });
        all.sort_by_key(|span| span.start);
        hidden.sort_by_key(|span| span.start);
        Self {
            values: Some(Values { all, hidden }),
            ..Self::of_broken(text)
        }
    }

    /// For a text that is no TOML.
    pub(super) fn of_broken(text: &'t str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(breaks).collect(),
            values: None,
        }
    }

    /// The line and the column (in characters) of a byte, both from 1.
    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        let at = self.text.floor_char_boundary(at);
        let line = self.starts.partition_point(|start| *start <= at);
        let before = &self.text[self.starts[line - 1]..at];
        (
            line,
            before.trim_start_matches('\u{feff}').chars().count() + 1,
        )
    }

    /// The line in which `span` begins, and where in it.
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
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
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

    /// The line that begins at byte `start`, as long as it is, without its secrets.
    fn shown(&self, start: usize, line: &str) -> String {
        let Some(Values { all, hidden }) = &self.values else {
            return broken_line(line);
        };
        let end = start + line.len();
        let here = |spans: &'_ [Span]| -> Vec<Span> {
            let first = spans.partition_point(|span| span.end <= start);
            let here = spans[first..].iter().take_while(|span| span.start < end);
            here.cloned().collect()
        };
        // A comment tends to hold an old secret, and is nothing that a mistake is about.
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

/// Adds the parts of a value that may not be shown: all but its quotes and the names of
/// the variables that it refers to.
fn hide(text: &str, span: &Span, hidden: &mut Vec<Span>) {
    let Some(value) = text.get(span.clone()) else {
        return;
    };
    let quotes = |value: &str| {
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        quote.map_or(0, |quote| {
            match value.chars().take_while(|c| *c == quote).count() {
                3.. => 3,
                _ => 1,
            }
        })
    };
    let open = quotes(value);
    let mut from = span.start + open;
    let to = (span.end - open.min(value.len())).max(from);
    let Some(inner) = text.get(from..to) else {
        return hidden.push(span.clone());
    };
    let base = from;
    for reference in references(inner) {
        for shown in [reference.opening, reference.closing] {
            if from < base + shown.start {
                hidden.push(from..base + shown.start);
            }
            from = base + shown.end;
        }
    }
    if from < to {
        hidden.push(from..to);
    }
}

/// Keys that never hold a secret nor a table that does.
const PLAIN_KEYS: &[&str] = &[
    "admin",
    "attempts",
    "body_limit",
    "body_timeout",
    "calls",
    "component",
    "concurrency",
    "connections",
    "debounce",
    "dir",
    "effects",
    "events",
    "factor",
    "first",
    "fixtures",
    "handlers",
    "header_timeout",
    "jitter",
    "listen",
    "logs",
    "max",
    "memory",
    "order_by",
    "origin",
    "output",
    "path",
    "poll_interval",
    "response",
    "retention",
    "retry",
    "scheme",
    "shutdown_timeout",
    "source",
    "tables",
    "timeout",
    "tolerance",
    "version",
    "watch",
];

/// Tables whose headers may be shown.
const TABLES: &[&str] = &[
    "server", "ledger", "plugins", "reload", "outbox", "sources", "handlers", "routes",
];

/// A line of a text that is no TOML: whole if it sets one plain key or opens a table, and
/// else as far as the first `=`.
fn broken_line(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let suspicious = ["secret", "header", "token", "whsec", "#", "${", "@"]
        .iter()
        .any(|word| lower.contains(word));
    let trimmed = line.trim_start();
    let end_of_word = |text: &str| {
        text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(text.len())
    };
    let header = trimmed.strip_prefix("[[").or(trimmed.strip_prefix('['));
    let opens_table = header.is_some_and(|name| {
        let name = name.trim_start();
        TABLES.contains(&&name[..end_of_word(name)]) && !name.contains(['=', '"', '\''])
    });
    let (key, rest) = trimmed.split_at(end_of_word(trimmed));
    // A second `=` sets something else: an inline table, or a line that was joined to this.
    let sets_one = PLAIN_KEYS.contains(&key)
        && !rest.starts_with(['.', '-'])
        && rest.matches('=').count() <= 1;
    if !suspicious && (opens_table || sets_one) {
        return line.to_owned();
    }
    let named = |before: &str| {
        before
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | '\t'))
    };
    let shown = line
        .find('=')
        .filter(|at| named(&line[..*at]))
        .map_or(0, |at| at + 1);
    let masked = line[shown..].chars().map(|c| match c {
        ' ' | '\t' | '"' | '\'' | '[' | ']' | '{' | '}' | ',' => c,
        _ => MASK,
    });
    line[..shown].chars().chain(masked).collect()
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
