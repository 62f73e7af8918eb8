//! `retry = { attempts, first, factor, max, jitter, total }`, of handlers and of the outbox.

use super::defaults::{
    Bounded, RETRY_ATTEMPTS, RETRY_FACTOR, RETRY_FIRST, RETRY_JITTER, RETRY_JITTER_BOUNDS,
    RETRY_MAX, RETRY_TOTAL, RetryDefaults,
};
use super::fields::{Context, Fields, Keys};
use super::quantity::show_duration;
use super::raw::Node;
use crate::settings::RetryPolicy;

const RETRY: Keys = Keys {
    of: "`retry`",
    known: &["attempts", "first", "factor", "max", "jitter", "total"],
    unsupported: &[],
    instead: &[],
};

/// The policy that the table sets; what it does not set is the default.
pub(super) fn retry_policy(
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
    let first = fields.duration_between(cx, "first", RETRY_FIRST.0, RETRY_FIRST.1);
    let max = fields.duration_between(cx, "max", RETRY_MAX.0, RETRY_MAX.1);
    let policy = RetryPolicy {
        attempts: fields.count(cx, "attempts", &attempts),
        first: first.unwrap_or(policy.first),
        factor: fields.number(cx, "factor", policy.factor, RETRY_FACTOR),
        // A first delay above the default's longest one raises that.
        max: max.unwrap_or_else(|| policy.max.max(first.unwrap_or_default())),
        jitter: fields.number(cx, "jitter", policy.jitter, RETRY_JITTER_BOUNDS),
        total: fields.duration_between(cx, "total", RETRY_TOTAL.0, RETRY_TOTAL.1),
    };
    if policy.first > policy.max {
        let at = fields.get("max").unwrap_or(node);
        let message = format!(
            "`max` is {}, less than the first delay of {}",
            show_duration(policy.max),
            show_duration(policy.first)
        );
        cx.report
            .wrong(&at.span, message, "raise `max` or lower `first`");
    }
    policy
}
