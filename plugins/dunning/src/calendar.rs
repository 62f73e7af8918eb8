//! What the passing of time alone brings: reminders that come again, the end of grace.
//!
//! A subscription has one entry in the handler's schedule, for the next time at which
//! something changes though nothing happens. It follows from the facts as the phase does:
//! so whatever comes in whatever order, the entry is that of the facts, and there is none
//! once all is paid.

use tollgate_handler::prelude::*;

use crate::facts::{Facts, Failures};
use crate::phase::{Phase, Rules};

/// The type of the events that the handler sends to itself.
pub(crate) const DUE: &str = "dunning.due";

/// The longest time without a look at a calendar, in seconds: 365 days. The gateway
/// schedules nothing more than 400 days ahead.
const LOOK: i64 = 365 * 24 * 60 * 60;

/// The payload of such an event.
#[derive(Serialize, Deserialize)]
pub(crate) struct Due {
    pub(crate) subscription: String,
}

/// Has the handler woken when time changes something for this subscription, and not otherwise.
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
    let due = due.min(received.saturating_add(LOOK)).max(0);
    schedule::at_ms(due.unsigned_abs().saturating_mul(1000), DUE)
        .subject(subscription)
        .json(&Due {
            subscription: subscription.into(),
        })
        .put(&key)
}

/// When time alone changes something next, in seconds since the Unix epoch.
pub(crate) fn next(facts: &Facts, rules: &Rules) -> Option<i64> {
    match Phase::of(facts, rules) {
        Phase::Active | Phase::Suspended | Phase::Canceled => None,
        Phase::Reminded(_) | Phase::Grace { .. } => facts
            .owing()
            .filter_map(|invoice| next_of(&invoice.failures, facts.clock, rules))
            .min(),
    }
}

fn next_of(failures: &Failures, clock: i64, rules: &Rules) -> Option<i64> {
    let next = match rules.grace_since(failures) {
        Some(since) if since <= clock => Some(since.saturating_add(rules.grace)),
        since => {
            let reminder = rules.reached(failures, rules.level(failures, clock).saturating_add(1));
            since.into_iter().chain(reminder).min()
        }
    };
    next.filter(|next| *next > clock)
}
