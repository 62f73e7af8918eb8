//! The names of sources, handlers and schemes.

use tollgate_base::event::HANDLER_SOURCE_PREFIX;

use super::context::Context;
use crate::manifest::defaults::NAME_LENGTH;
use crate::manifest::text::tree::Key;

/// Whether the key is a valid name. Reports an invalid name. `what` is such as "a source".
pub(crate) fn check_name(cx: &mut Context<'_>, key: &Key, what: &str) -> bool {
    let name = key.name.as_str();
    if name.starts_with(HANDLER_SOURCE_PREFIX) {
        let message = format!(
            "a name must not begin with `{HANDLER_SOURCE_PREFIX}`: the events of handlers have \
             such sources"
        );
        cx.diagnostics
            .wrong_value(&key.span, message, "choose another name");
        return false;
    }
    let valid_start = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let valid_characters = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'));
    if valid_start && valid_characters && name.len() <= NAME_LENGTH {
        return true;
    }
    let message = format!(
        "{what}'s name consists of lower-case letters, digits, `_` and `-`, begins with a \
         letter or digit, and has at most {NAME_LENGTH} characters"
    );
    let suggestion: String = name
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
    let suggestion = suggestion.trim_matches(['-', '_']);
    let help = (!suggestion.is_empty()).then(|| format!("for example `{suggestion}`"));
    cx.diagnostics.wrong_value(&key.span, message, help);
    false
}
