//! Readers for single values.

use std::path::Path;

use super::context::Context;
use crate::manifest::mistakes::Help;
use crate::manifest::text::substitute;
use crate::manifest::text::tree::{Node, Value};

/// Reports a value of a wrong type.
pub(crate) fn expected(
    cx: &mut Context<'_>,
    node: &Node,
    what: &str,
    wanted: &str,
    help: impl Into<Help>,
) {
    let message = format!("{what}: expected {wanted}, found {}", node.type_name());
    cx.diagnostics.wrong_value(&node.span, message, help);
}

/// The string in `node`. Does not mark the string as quotable.
pub(crate) fn string<'t>(cx: &mut Context<'_>, node: &'t Node, what: &str) -> Option<&'t str> {
    match &node.value {
        Value::String(text) => Some(text),
        _ => {
            expected(cx, node, what, "a string", ());
            None
        }
    }
}

/// The string in `node`. It is no secret and contains no environment variables.
pub(crate) fn plain_text<'t>(cx: &mut Context<'_>, node: &'t Node, what: &str) -> Option<&'t str> {
    cx.diagnostics.allow_quote(node);
    let text = string(cx, node, what)?;
    if substitute::mentions(text) {
        let message = format!("environment variables do not work in {what}");
        let help = "environment variables work in secrets, header values, origins, addresses, and \
             the `url` of the ledger and of sources";
        cx.diagnostics.wrong_value(&node.span, message, help);
        return None;
    }
    Some(text)
}

/// A text as a path.
pub(crate) fn path<'t>(
    cx: &mut Context<'_>,
    text: &'t str,
    node: &Node,
    what: &str,
) -> Option<&'t Path> {
    if text.is_empty() || text.contains('\0') {
        cx.diagnostics
            .wrong_value(&node.span, format!("{what} is not a path"), ());
        return None;
    }
    Some(Path::new(text))
}
