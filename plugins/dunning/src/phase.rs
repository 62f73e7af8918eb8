//! Where a subscription stands: what follows from the facts, and from them alone.

use std::fmt;

use tollgate_handler::prelude::*;

use crate::facts::{Facts, Failures};
use crate::news::Status;

/// Seconds in a day.
const DAY: i64 = 24 * 60 * 60;

/// What the manifest says of reminders and grace.
pub(crate) struct Rules {
    /// Reminders that go out before the grace period begins.
    pub(crate) reminders: u32,
    /// After so many seconds without a payment the next reminder goes out, although no
    /// other attempt failed; never, if 0.
    pub(crate) again: i64,
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
        let grace: u32 = config::parse("grace_days")?.unwrap_or(7);
        let again: u32 = config::parse("remind_days")?.unwrap_or(3);
        Ok(Self {
            reminders: config::parse("reminders")?.unwrap_or(3),
            again: i64::from(again) * DAY,
            grace: i64::from(grace) * DAY,
        })
    }

    /// How many reminders an invoice calls for at a time: one for each attempt that failed, or
    /// for each period since the first, whichever are more.
    pub(crate) fn level(&self, failures: &Failures, clock: i64) -> u32 {
        let periods = match failures.first() {
            Some(first) if self.again > 0 => clock.saturating_sub(first).max(0) / self.again + 1,
            _ => 0,
        };
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        failures.attempts.max(periods)
    }

    /// When time alone calls for so many reminders, counted from 1.
    pub(crate) fn reached(&self, failures: &Failures, level: u32) -> Option<i64> {
        let first = failures.first().filter(|_| self.again > 0)?;
        let periods = i64::from(level.saturating_sub(1));
        Some(first.saturating_add(periods.saturating_mul(self.again)))
    }

    /// When the grace period begins, or began: when there were, or will have been, as many
    /// reminders as there are, or Stripe said that there would be no other attempt.
    pub(crate) fn grace_since(&self, failures: &Failures) -> Option<i64> {
        let by_time = self.reached(failures, self.reminders.saturating_add(1));
        let by_attempts = failures.exhausted(self.reminders);
        by_time.into_iter().chain(by_attempts).min()
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
            .owing()
            .map(|invoice| Self::of_invoice(&invoice.failures, facts.clock, rules));
        owing.reduce(Self::worse).unwrap_or(Phase::Active)
    }

    /// Where a subscription would stand if an invoice with these failures were its only one.
    pub(crate) fn of_invoice(failures: &Failures, clock: i64, rules: &Rules) -> Self {
        match rules.grace_since(failures).filter(|since| *since <= clock) {
            Some(since) if clock >= since.saturating_add(rules.grace) => Phase::Suspended,
            Some(since) => Phase::Grace {
                until: since.saturating_add(rules.grace),
            },
            None => Phase::Reminded(rules.level(failures, clock)),
        }
    }

    /// The worse of two: of two periods of grace, the one that ends first.
    pub(crate) fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Phase::Grace { until: one }, Phase::Grace { until: two }) => Phase::Grace {
                until: one.min(two),
            },
            (one, two) => one.max(two),
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
