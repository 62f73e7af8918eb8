//! The changes that time alone brings: the next reminder, a due date, the end of the grace period.
//!
//! A subscription has at most one entry in the handler's schedule. The entry is due at the next
//! time at which the phase changes without an event. Like the phase, the entry follows from the
//! facts, so the order of events does not change it. A subscription without an open invoice has no
//! entry.

use tollgate_handler::prelude::*;

use crate::facts::{Facts, Invoice};
use crate::observation::{DUE, Due};
use crate::phase::{Phase, Rules};

/// The longest delay of an entry, in seconds: 365 days. The gateway schedules at most 400 days
/// ahead.
const LONGEST_DELAY: i64 = 365 * 24 * 60 * 60;

/// Schedules an event for the next time at which time alone changes the phase of the subscription.
/// Cancels the scheduled event if there is no such time.
pub(crate) fn plan(
    subscription: &str,
    facts: &Facts,
    rules: &Rules,
    received_ms: u64,
) -> Result<(), Error> {
    let key = format!("subscription/{subscription}");
    let Some(due) = next(facts, rules) else {
        return schedule::cancel(&key);
    };
    let received = i64::try_from(received_ms / 1000).unwrap_or(i64::MAX);
    let due = due.min(received.saturating_add(LONGEST_DELAY)).max(0);
    schedule::at_ms(due.unsigned_abs().saturating_mul(1000), DUE)
        .subject(subscription)
        .json(&Due {
            subscription: subscription.into(),
        })
        .put(&key)
}

/// Returns the next time at which time alone changes the phase, in seconds since the Unix epoch.
pub(crate) fn next(facts: &Facts, rules: &Rules) -> Option<i64> {
    if matches!(Phase::of(facts, rules), Phase::Suspended | Phase::Canceled) {
        return None;
    }
    let due = facts.open().filter_map(Invoice::due);
    let due = due.filter(|due| *due > facts.clock);
    let owed = facts.owing();
    due.chain(owed.filter_map(|invoice| next_of(invoice, facts.clock, rules)))
        .min()
}

/// Returns the next time at which time alone changes the phase because of one owed invoice.
fn next_of(invoice: &Invoice, clock: i64, rules: &Rules) -> Option<i64> {
    let next = match rules.grace_since(invoice) {
        Some(since) if since <= clock => Some(since.saturating_add(rules.grace)),
        since => {
            let reminder = rules.reached(invoice, rules.level(invoice, clock).saturating_add(1));
            since.into_iter().chain(reminder).min()
        }
    };
    next.filter(|next| *next > clock)
}
