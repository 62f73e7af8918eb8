//! `order_by`, `on_block` and `supersede_by` of a handler.

use tollgate_base::json::PointerSet;

use crate::manifest::table::{Context, Fields, Variants};
use crate::manifest::text::tree::Node;
use crate::settings::{OnBlock, OrderBy, OrderSettings, SupersedeBy};

const ON_BLOCK: Variants<OnBlock> = &[
    ("skip-after-dead", OnBlock::SkipAfterDead),
    ("wait", OnBlock::Wait),
];

const ON_BLOCK_HELP: &str = "write \"skip-after-dead\" (later deliveries run) or \"wait\" (later \
     deliveries wait for an operator)";

/// How deliveries are ordered. `None` if the handler sets no order.
pub(crate) fn order(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<OrderSettings> {
    let by = order_by(cx, fields);
    let on_block = fields.variant(cx, "on_block", ON_BLOCK, Some(ON_BLOCK_HELP));
    let supersede_by = supersede_by(cx, fields);
    if fields.get("order_by").is_none() {
        needs_order(cx, fields, "on_block");
        needs_order(cx, fields, "supersede_by");
        return None;
    }
    Some(OrderSettings {
        by: by?,
        on_block: on_block.unwrap_or_default(),
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

/// A JSON pointer to a part of the payload. `words` are the other values of the key, for the help.
fn pointer(
    cx: &mut Context<'_>,
    text: &str,
    node: &Node,
    key: &str,
    words: &str,
) -> Option<String> {
    let problem = match PointerSet::new(&[text]) {
        Ok(_) if !text.is_empty() => return Some(text.to_owned()),
        Ok(_) => " is empty".to_owned(),
        Err(error) => format!(": {error}"),
    };
    let help =
        format!("write {words} or a pointer into the payload, such as \"/data/object/customer\"");
    cx.diagnostics
        .wrong_value(&node.span, format!("`{key}`{problem}"), help);
    None
}

/// Reports a key that has no effect without `order_by`.
fn needs_order(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str) {
    if let Some(node) = fields.get(key) {
        let message = format!("`{key}` has no effect without `order_by`");
        let help = "add an order, for example: order_by = \"/data/object/customer\"";
        cx.diagnostics.wrong_context(&node.span, message, help);
    }
}
