//! Lists of names in messages.

use std::fmt::Display;

/// `a`, `b` and `c`, in backquotes.
pub(crate) fn listed<T: Display>(names: &[T]) -> String {
    joined(names, '`', "and").unwrap_or_else(|| "none".to_owned())
}

/// "a", "b" or "c", in quotes.
pub(crate) fn alternatives<T: Display>(names: &[T]) -> String {
    joined(names, '"', "or").unwrap_or_default()
}

fn joined<T: Display>(names: &[T], quote: char, last_word: &str) -> Option<String> {
    let quoted = |name: &T| format!("{quote}{name}{quote}");
    let (last, others) = names.split_last()?;
    if others.is_empty() {
        return Some(quoted(last));
    }
    let others: Vec<String> = others.iter().map(quoted).collect();
    Some(format!(
        "{} {last_word} {}",
        others.join(", "),
        quoted(last)
    ))
}
