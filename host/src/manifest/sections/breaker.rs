//! `breaker = { failures, of, within, open }` of a handler, or `breaker = false`.

use crate::manifest::defaults::{
    BREAKER_FAILURES, BREAKER_FAILURES_BOUNDS, BREAKER_OF, BREAKER_OPEN, BREAKER_WITHIN,
};
use crate::manifest::table::{Context, Fields, TableSchema, expected};
use crate::manifest::text::tree::{Node, Value};
use crate::settings::BreakerSettings;

pub(super) const BREAKER: TableSchema = TableSchema {
    name: "`breaker`",
    keys: &["failures", "of", "within", "open"],
    unsupported: &[],
    instead: &[],
};

/// The breaker. A key that is missing has its default. `None` for `breaker = false`.
pub(crate) fn breaker(cx: &mut Context<'_>, node: Option<&Node>) -> Option<BreakerSettings> {
    const HELP: &str =
        "write breaker = false for no breaker, or for example: breaker = { of = 50 }";
    match node {
        Some(node) if matches!(node.value, Value::Boolean(false)) => return None,
        Some(node) if !matches!(node.value, Value::Table(_)) => {
            cx.diagnostics.allow_quote(node);
            expected(cx, node, "`breaker`", "a table or false", HELP);
            return None;
        }
        _ => {}
    }
    let fields = Fields::section(cx, node, &BREAKER);
    Some(BreakerSettings {
        failures: fields.number(cx, "failures", BREAKER_FAILURES, BREAKER_FAILURES_BOUNDS),
        of: fields.count(cx, "of", &BREAKER_OF),
        within: fields.duration(cx, "within", &BREAKER_WITHIN),
        open: fields.duration(cx, "open", &BREAKER_OPEN),
    })
}
