//! `breaker = { failures, of, within, open }` of a handler, or `breaker = false`.

use super::defaults::{
    BREAKER_FAILURES, BREAKER_FAILURES_BOUNDS, BREAKER_OF, BREAKER_OPEN, BREAKER_WITHIN,
};
use super::fields::{Context, Fields, Keys, expected};
use super::raw::{Node, Value};
use crate::settings::BreakerSettings;

const BREAKER: Keys = Keys {
    of: "`breaker`",
    known: &["failures", "of", "within", "open"],
    unsupported: &[],
    instead: &[],
};

/// The breaker that the value sets; what it does not set is the default.
pub(super) fn breaker(cx: &mut Context<'_>, node: Option<&Node>) -> Option<BreakerSettings> {
    const HELP: &str = "write breaker = false for none, or such as breaker = { of = 50 }";
    match node {
        Some(node) if matches!(node.value, Value::Boolean(false)) => return None,
        Some(node) if !matches!(node.value, Value::Table(_)) => {
            cx.report.plain(node);
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
