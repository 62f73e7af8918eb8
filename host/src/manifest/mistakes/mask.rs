//! Hides secrets in quoted lines of the manifest.

use crate::manifest::text::substitute::references;
use crate::manifest::text::tree::Span;

/// The character in place of each hidden character. It is ASCII, because logs contain mistakes.
pub(super) const MASK: char = '*';

/// Adds the parts of a value that must be masked to `hidden`. The quotes of a value and the names
/// of its environment variables are not masked.
pub(super) fn hidden_parts(text: &str, span: &Span, hidden: &mut Vec<Span>) {
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

/// Keys that never hold a secret or a table with a secret.
const KEYS_WITHOUT_SECRETS: &[&str] = &[
    "admin",
    "attempts",
    "body_limit",
    "body_timeout",
    "calls",
    "compile_memory",
    "compile_time",
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
    "idle_timeout",
    "jitter",
    "listen",
    "logs",
    "max",
    "max_size",
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

/// Tables with a header that may be shown.
const TABLES: &[&str] = &[
    "server", "ledger", "plugins", "reload", "outbox", "sources", "handlers", "routes",
];

/// A line of a text that is no TOML, with its secrets masked. The line is whole if it sets one key
/// that holds no secret, or if it opens a table. Otherwise all after the first `=` is masked.
pub(super) fn mask_broken_line(line: &str) -> String {
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
    // A second `=` sets another key: in an inline table, or in a second line that lost its break.
    let sets_one = KEYS_WITHOUT_SECRETS.contains(&key)
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
