//! `backlog = { deliveries, requests, age, refuse }` of `[server]`: how much may wait.

use crate::manifest::defaults::{BACKLOG_AGE, BACKLOG_COUNT};
use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::Node;
use crate::settings::BacklogLimits;

pub(super) const BACKLOG: TableSchema = TableSchema {
    name: "`backlog`",
    keys: &["deliveries", "requests", "age", "refuse"],
    unsupported: &[],
    instead: &[],
};

/// The limits in the table. A key that is missing sets no limit.
pub(crate) fn backlog(cx: &mut Context<'_>, node: Option<&Node>) -> BacklogLimits {
    let Some(node) = node else {
        return BacklogLimits::default();
    };
    let fields = Fields::section(cx, Some(node), &BACKLOG);
    let is_set = |key| fields.get(key).is_some();
    let count =
        |cx: &mut Context<'_>, key| is_set(key).then(|| fields.count(cx, key, &BACKLOG_COUNT));
    let limits = BacklogLimits {
        deliveries: count(cx, "deliveries"),
        requests: count(cx, "requests"),
        age: fields.optional_duration(cx, "age", BACKLOG_AGE),
        refuse: fields.flag(cx, "refuse", false),
    };
    if !["deliveries", "requests", "age"].into_iter().any(is_set) {
        let message = "`backlog` sets no limit";
        let help = "write a limit, for example: backlog = { deliveries = 100000, age = \"10m\" }";
        cx.diagnostics.wrong_value(&node.span, message, help);
    }
    limits
}
