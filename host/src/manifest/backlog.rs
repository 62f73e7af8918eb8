//! `backlog = { deliveries, requests, age, refuse }` of `[server]`.

use super::defaults::{BACKLOG_AGE, BACKLOG_COUNT};
use super::fields::{Context, Fields, Keys};
use super::raw::Node;
use crate::settings::BacklogLimits;

const BACKLOG: Keys = Keys {
    of: "`backlog`",
    known: &["deliveries", "requests", "age", "refuse"],
    unsupported: &[],
    instead: &[],
};

/// The limits that the table sets; what it does not set has none.
pub(super) fn backlog(cx: &mut Context<'_>, node: Option<&Node>) -> BacklogLimits {
    let Some(node) = node else {
        return BacklogLimits::default();
    };
    let fields = Fields::section(cx, Some(node), &BACKLOG);
    let count = |cx: &mut Context<'_>, key| {
        let given = fields.get(key).is_some();
        given.then(|| fields.count(cx, key, &BACKLOG_COUNT))
    };
    let limits = BacklogLimits {
        deliveries: count(cx, "deliveries"),
        requests: count(cx, "requests"),
        age: fields.duration_between(cx, "age", BACKLOG_AGE.0, BACKLOG_AGE.1),
        refuse: fields.flag(cx, "refuse", false),
    };
    let given = |key| fields.get(key).is_some();
    if !["deliveries", "requests", "age"].into_iter().any(given) {
        let message = "`backlog` does not say what is too much";
        let help = "write such as backlog = { deliveries = 100000, age = \"10m\" }";
        cx.report.wrong(&node.span, message, help);
    }
    limits
}
