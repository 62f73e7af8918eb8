//! Syntax errors of the TOML text among the mistakes.

use std::collections::HashSet;

use super::quote::Quoter;
use super::spanned::{Kind, SpannedMistake};
use crate::manifest::text::tree::SyntaxError;

/// Adds the syntax errors to the mistakes, and removes mistakes that may follow from them.
///
/// Each line shows only its first syntax error, because the others follow from that one.
pub(super) fn with_syntax_errors(
    mistakes: Vec<SpannedMistake>,
    mut errors: Vec<SyntaxError>,
    quoter: &Quoter<'_>,
) -> Vec<SpannedMistake> {
    if errors.is_empty() {
        return mistakes;
    }
    errors.sort_by_key(|error| error.span.start);
    errors.dedup_by_key(|error| quoter.position(error.span.start).0);
    let broken_lines: HashSet<usize> = errors
        .iter()
        .map(|error| quoter.position(error.span.start).0)
        .collect();
    let certain = mistakes.into_iter().filter(|mistake| {
        mistake.kind == Kind::Value
            && !mistake.span.is_empty()
            && !broken_lines.contains(&quoter.position(mistake.span.start).0)
    });
    let errors = errors.into_iter().map(|error| SpannedMistake {
        help: help(&error.message).map(str::to_owned),
        span: error.span,
        message: error.message,
        kind: Kind::Value,
    });
    certain.chain(errors).collect()
}

/// The help for the most frequent cause of a syntax error.
fn help(message: &str) -> Option<&'static str> {
    let begins = |words: &[&str]| words.iter().any(|word| message.starts_with(word));
    if begins(&["duplicate key"]) {
        Some("write each key and each table header only once")
    } else if begins(&[
        "invalid float",
        "invalid integer",
        "invalid boolean",
        "string values",
    ]) {
        Some("write text in quotes: key = \"value\"")
    } else if begins(&["invalid basic string", "invalid literal string"]) {
        Some("end a text in the same line and with the same quote")
    } else if begins(&["unclosed table"]) {
        Some("write [name] in one line")
    } else {
        None
    }
}
