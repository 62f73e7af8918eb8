//! The phase of a subscription. It follows from the facts alone.

use std::fmt;

use tollgate_handler::prelude::*;

use crate::facts::{Facts, Invoice};
use crate::observation::{Status, Terms};

/// Seconds in a day.
const DAY: i64 = 24 * 60 * 60;

/// The handler's `config` for reminders and the grace period.
pub(crate) struct Rules {
    /// The number of reminders before the grace period begins.
    pub(crate) reminders: u32,
    /// The time without a payment after which the next reminder goes out although no other attempt
    /// failed, in seconds; 0 for never.
    pub(crate) interval: i64,
    /// The length of the grace period in seconds.
    pub(crate) grace: i64,
}

/// The phase of a subscription, from good to bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
    /// Nothing is owed.
    Active,
    /// The customer was reminded. The number is the highest level of a reminder.
    Reminded(u32),
    /// The grace period: no more reminders; access ends at `until` (seconds since the Unix epoch).
    Grace { until: i64 },
    /// Access has ended until all invoices are paid.
    Suspended,
    /// The subscription has ended for good.
    Canceled,
}

impl Rules {
    /// Reads the rules from the handler's `config`.
    pub(crate) fn configured() -> Result<Self, Error> {
        let grace: u32 = config::parse("grace_days")?.unwrap_or(7);
        let interval: u32 = config::parse("remind_days")?.unwrap_or(3);
        Ok(Self {
            reminders: config::parse("reminders")?.unwrap_or(3),
            interval: i64::from(interval) * DAY,
            grace: i64::from(grace) * DAY,
        })
    }

    /// Returns the number of reminders that an invoice calls for at a time: one for each failed
    /// attempt, or one for each interval since the first failure, whichever is more. An invoice
    /// that the customer pays by themselves calls for none: its grace period begins when it is due.
    pub(crate) fn level(&self, invoice: &Invoice, clock: i64) -> u32 {
        if invoice.terms() != Terms::Automatic {
            return 0;
        }
        let failures = &invoice.failures;
        let intervals = match failures.first() {
            Some(first) if self.interval > 0 => {
                clock.saturating_sub(first).max(0) / self.interval + 1
            }
            _ => 0,
        };
        let intervals = u32::try_from(intervals).unwrap_or(u32::MAX);
        failures.attempts.max(intervals)
    }

    /// Returns the time at which time alone calls for this number of reminders, counted from 1.
    pub(crate) fn reached(&self, invoice: &Invoice, level: u32) -> Option<i64> {
        let reminds = invoice.terms() == Terms::Automatic && self.interval > 0;
        let first = invoice.failures.first().filter(|_| reminds)?;
        let intervals = i64::from(level.saturating_sub(1));
        Some(first.saturating_add(intervals.saturating_mul(self.interval)))
    }

    /// Returns the time at which the grace period begins or began: after the last reminder, or when
    /// Stripe announced its last attempt, whichever comes first. The grace period of an invoice
    /// that the customer pays by themselves begins at its due date.
    pub(crate) fn grace_since(&self, invoice: &Invoice) -> Option<i64> {
        if let Terms::By(due) = invoice.terms() {
            return due;
        }
        let by_time = self.reached(invoice, self.reminders.saturating_add(1));
        let by_attempts = invoice.failures.exhausted(self.reminders);
        by_time.into_iter().chain(by_attempts).min()
    }
}

impl Phase {
    /// Returns the phase of a subscription.
    pub(crate) fn of(facts: &Facts, rules: &Rules) -> Self {
        if facts.deleted {
            return Phase::Canceled;
        }
        if matches!(facts.status, Some((_, Status::Unpaid))) {
            return Phase::Suspended;
        }
        let owing = facts
            .owing()
            .map(|invoice| Self::of_invoice(invoice, facts.clock, rules));
        owing.reduce(Self::worse).unwrap_or(Phase::Active)
    }

    /// Returns the phase of a subscription that owes this invoice alone.
    pub(crate) fn of_invoice(invoice: &Invoice, clock: i64, rules: &Rules) -> Self {
        if invoice.is_written_off() {
            return Phase::Suspended;
        }
        match rules.grace_since(invoice).filter(|since| *since <= clock) {
            Some(since) if clock >= since.saturating_add(rules.grace) => Phase::Suspended,
            Some(since) => Phase::Grace {
                until: since.saturating_add(rules.grace),
            },
            None => Phase::Reminded(rules.level(invoice, clock)),
        }
    }

    /// Returns the worse of two phases. Of two grace periods, the one that ends first is worse.
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
