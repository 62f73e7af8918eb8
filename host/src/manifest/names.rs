//! Names of sources and handlers.

use super::defaults::NAME_LENGTH;
use super::fields::Context;
use super::raw::Key;
use tollgate_base::event::HANDLER_SOURCE_PREFIX;

/// Whether the key is a name as sources and handlers have; reports if it is not.
pub(super) fn is_name(cx: &mut Context<'_>, key: &Key, what: &str) -> bool {
    let name = key.name.as_str();
    if name.starts_with(HANDLER_SOURCE_PREFIX) {
        let message = format!(
            "names that begin with `{HANDLER_SOURCE_PREFIX}` are those of events that handlers emit"
        );
        cx.report.wrong(&key.span, message, "choose another name");
        return false;
    }
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let goes_on = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'));
    if begins && goes_on && name.len() <= NAME_LENGTH {
        return true;
    }
    let message = format!(
        "{what}'s name consists of lower-case letters, digits, `_` and `-`, begins with a \
         letter or digit, and has {NAME_LENGTH} characters at most"
    );
    let better: String = name
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .take(NAME_LENGTH)
        .collect();
    let better = better.trim_matches(['-', '_']);
    let help = (!better.is_empty()).then(|| format!("such as `{better}`"));
    cx.report.wrong(&key.span, message, help);
    false
}
