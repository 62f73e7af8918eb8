//! Where a subscription stands: what follows from the facts, and from them alone.

use std::fmt;

use tollgate_handler::prelude::*;

use crate::facts::{Facts, Failures};
use crate::news::Status;

/// Seconds in a day.
const DAY: i64 = 24 * 60 * 60;

/// What the manifest says of reminders and grace.
pub(crate) struct Rules {
    /// Failed payments that are answered with a reminder.
    pub(crate) reminders: u32,
    /// The length of the grace period in seconds.
    pub(crate) grace: i64,
}

/// Where a subscription stands, from good to bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
    /// Nothing is owed.
    Active,
    /// The customer was reminded, so many times at most.
    Reminded(u32),
    /// No more reminders; access ends at `until` (seconds since the Unix epoch).
    Grace { until: i64 },
    /// Access has ended until all is paid.
    Suspended,
    /// The subscription has ended, for good.
    Canceled,
}

impl Rules {
    /// The rules of the handler's `config`.
    pub(crate) fn configured() -> Result<Self, Error> {
        let days: u32 = config::parse("grace_days")?.unwrap_or(7);
        Ok(Self {
            reminders: config::parse("reminders")?.unwrap_or(3),
            grace: i64::from(days) * DAY,
        })
    }
}

impl Phase {
    /// Where a subscription stands.
    pub(crate) fn of(facts: &Facts, rules: &Rules) -> Self {
        if facts.deleted {
            return Phase::Canceled;
        }
        if matches!(facts.status, Some((_, Status::Unpaid))) {
            return Phase::Suspended;
        }
        let owing = facts
            .all_owing()
            .map(|failures| Self::of_invoice(failures, facts.clock, rules));
        owing.max().unwrap_or(Phase::Active)
    }

    fn of_invoice(failures: &Failures, clock: i64, rules: &Rules) -> Self {
        match failures.grace_since(rules.reminders) {
            Some(since) if clock >= since.saturating_add(rules.grace) => Phase::Suspended,
            Some(since) => Phase::Grace {
                until: since.saturating_add(rules.grace),
            },
            None => Phase::Reminded(failures.attempts),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Phase::Active => f.write_str("active"),
            Phase::Reminded(n) => write!(f, "reminded({n})"),
            Phase::Grace { .. } => f.write_str("grace"),
            Phase::Suspended => f.write_str("suspended"),
            Phase::Canceled => f.write_str("canceled"),
        }
    }
}
