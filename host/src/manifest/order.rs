//! `order_by` of a handler, and what goes with it.

use super::fields::{Context, Fields};
use super::raw::Node;
use crate::settings::{OnBlock, OrderBy, OrderSettings, SupersedeBy};
use tollgate_base::json::PointerSet;

/// What deliveries are ordered by, if they are.
pub(super) fn order(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<OrderSettings> {
    let by = order_by(cx, fields);
    let on_block = on_block(cx, fields);
    let supersede_by = supersede_by(cx, fields);
    if fields.get("order_by").is_none() {
        needs_order(cx, fields, "on_block");
        needs_order(cx, fields, "supersede_by");
        return None;
    }
    Some(OrderSettings {
        by: by?,
        on_block,
        supersede_by,
    })
}

fn order_by(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<OrderBy> {
    let (text, node) = fields.text(cx, "order_by")?;
    match text {
        "account" => Some(OrderBy::Account),
        "subject" => Some(OrderBy::Subject),
        _ => pointer(cx, text, node, "order_by", "\"account\", \"subject\"").map(OrderBy::Pointer),
    }
}

fn supersede_by(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<SupersedeBy> {
    let (text, node) = fields.text(cx, "supersede_by")?;
    match text {
        "created" => Some(SupersedeBy::Created),
        _ => pointer(cx, text, node, "supersede_by", "\"created\"").map(SupersedeBy::Pointer),
    }
}

fn on_block(cx: &mut Context<'_>, fields: &Fields<'_>) -> OnBlock {
    let Some((text, node)) = fields.text(cx, "on_block") else {
        return OnBlock::default();
    };
    match text {
        "skip-after-dead" => OnBlock::SkipAfterDead,
        "wait" => OnBlock::Wait,
        _ => {
            let message = format!("`on_block` cannot be `{text}`");
            let help =
                "write \"skip-after-dead\" (later ones go on) or \"wait\" (until a person decides)";
            cx.report.wrong(&node.span, message, help);
            OnBlock::default()
        }
    }
}

/// A JSON pointer that names something within the payload.
fn pointer(
    cx: &mut Context<'_>,
    text: &str,
    node: &Node,
    key: &str,
    words: &str,
) -> Option<String> {
    let problem = match PointerSet::new(&[text]) {
        Ok(_) if !text.is_empty() => return Some(text.to_owned()),
        Ok(_) => "is empty".to_owned(),
        Err(error) => format!("is neither one of its words nor a JSON pointer: {error}"),
    };
    let help =
        format!("write {words} or a pointer into the payload, such as \"/data/object/customer\"");
    cx.report
        .wrong(&node.span, format!("`{key}` {problem}"), help);
    None
}

/// Reports a key that says nothing without `order_by`.
fn needs_order(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str) {
    if let Some(node) = fields.get(key) {
        let message = format!("`{key}` means nothing without `order_by`");
        let help = "add order_by, such as order_by = \"/data/object/customer\"";
        cx.report.amiss(&node.span, message, help);
    }
}
