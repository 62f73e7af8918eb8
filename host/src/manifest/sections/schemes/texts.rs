//! Reads texts, lists of texts and places.

use tollgate_scheme::Selectors;

use crate::manifest::table::{Context, Fields, plain_text};
use crate::manifest::text::tree::Value;

pub(super) fn text(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str) -> Option<String> {
    fields.text(cx, key).map(|(text, _)| text.to_owned())
}

/// A list of strings. The list is empty if the key is missing.
pub(super) fn texts(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str) -> Vec<String> {
    let help = format!("write {key} = [\"…\"]");
    let items = fields.array(cx, key, &help).unwrap_or_default();
    let what = format!("an item of `{key}`");
    items
        .iter()
        .filter_map(|node| plain_text(cx, node, &what).map(str::to_owned))
        .collect()
}

/// One place, or a list of places.
pub(super) fn places(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str) -> Option<Selectors> {
    match fields.get(key)?.value {
        Value::Array(_) => Some(Selectors::FirstOf(texts(cx, fields, key))),
        _ => text(cx, fields, key).map(Selectors::One),
    }
}
