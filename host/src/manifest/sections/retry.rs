//! `retry = { attempts, first, factor, max, jitter, total }`, of handlers and of the outbox.

use tollgate_base::quantity::show_duration;

use crate::manifest::defaults::{
    Bounded, RETRY_ATTEMPTS, RETRY_FACTOR, RETRY_FIRST, RETRY_JITTER, RETRY_JITTER_BOUNDS,
    RETRY_MAX, RETRY_TOTAL, RetryDefaults,
};
use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::Node;
use crate::settings::RetryPolicy;

pub(super) const RETRY: TableSchema = TableSchema {
    name: "`retry`",
    keys: &["attempts", "first", "factor", "max", "jitter", "total"],
    unsupported: &[],
    instead: &[],
};

/// The retry policy in the table. A key that is missing has its default.
pub(crate) fn retry_policy(
    cx: &mut Context<'_>,
    node: Option<&Node>,
    defaults: &RetryDefaults,
) -> RetryPolicy {
    let policy = RetryPolicy {
        attempts: defaults.attempts,
        first: defaults.first,
        factor: defaults.factor,
        max: defaults.max,
        jitter: RETRY_JITTER,
        total: None,
    };
    let Some(node) = node else {
        return policy;
    };
    let fields = Fields::section(cx, Some(node), &RETRY);
    let attempts = Bounded {
        default: defaults.attempts,
        min: RETRY_ATTEMPTS.0,
        max: RETRY_ATTEMPTS.1,
    };
    let first = fields.optional_duration(cx, "first", RETRY_FIRST);
    let max = fields.optional_duration(cx, "max", RETRY_MAX);
    let policy = RetryPolicy {
        attempts: fields.count(cx, "attempts", &attempts),
        first: first.unwrap_or(policy.first),
        factor: fields.number(cx, "factor", policy.factor, RETRY_FACTOR),
        // A first delay above the default of `max` raises that default.
        max: max.unwrap_or_else(|| policy.max.max(first.unwrap_or_default())),
        jitter: fields.number(cx, "jitter", policy.jitter, RETRY_JITTER_BOUNDS),
        total: fields.optional_duration(cx, "total", RETRY_TOTAL),
    };
    if policy.first > policy.max {
        let at = fields.get("max").unwrap_or(node);
        let message = format!(
            "`max` is {}, which is less than the first delay of {}",
            show_duration(policy.max),
            show_duration(policy.first)
        );
        cx.diagnostics
            .wrong_value(&at.span, message, "raise `max` or lower `first`");
    }
    policy
}
