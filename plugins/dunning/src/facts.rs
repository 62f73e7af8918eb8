//! The facts about one subscription. The final facts depend neither on the order in which events
//! arrive nor on how often each event arrives.
//!
//! The reason: each field only grows, in an order of its own. A field is a greatest time, a
//! greatest number of attempts, a least start of grace, or a mark that stays.

use tollgate_handler::prelude::*;

use crate::observation::{Bill, Fact, Observation, Status};

/// The time for which the facts keep a settled invoice, in seconds: 90 days. A late failure of a
/// kept invoice is recognised as late. Stripe resends for 3 days and lets an operator resend for 30
/// days; the gateway keeps events for 35 days.
const REMEMBER: i64 = 90 * 24 * 60 * 60;

/// The facts about one subscription. The state keeps them under `subscription/ID`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The latest time among all observed events and all scheduled wake-ups, in seconds since the
    /// Unix epoch.
    pub(crate) clock: i64,
    /// The customer's id, with the time of the event that named it.
    customer: Option<(i64, String)>,
    /// The customer's e-mail address, with the time of the event that named it.
    email: Option<(i64, String)>,
    /// The latest status, with the time of its event.
    pub(crate) status: Option<(i64, Status)>,
    /// True once the subscription has ended.
    pub(crate) deleted: bool,
    /// The invoices with failed payments and the settled invoices, sorted by id.
    invoices: Vec<Invoice>,
}

/// The facts about one invoice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    settled: bool,
    /// The time of the latest event about the invoice.
    at: i64,
    /// The amount and the payment page, with the time of their event; `None` once it is settled.
    #[serde(default)]
    bill: Option<(i64, Bill)>,
    pub(crate) failures: Failures,
}

/// The failed attempts to collect an invoice.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Failures {
    /// The greatest observed attempt number, counted from 1; 0 without attempts.
    pub(crate) attempts: u32,
    /// The time of the latest failed attempt.
    pub(crate) latest: i64,
    /// The earliest observed time of each attempt number, sorted by number.
    reached: Vec<(u32, i64)>,
    /// The time at which Stripe announced the last attempt, if it did.
    last: Option<i64>,
}

impl Facts {
    /// Adds the contents of an event.
    pub(crate) fn learn(&mut self, observation: &Observation) {
        if self.too_late(observation) {
            return;
        }
        self.clock = self.clock.max(observation.at);
        keep_latest(
            &mut self.customer,
            observation.at,
            observation.customer.clone(),
        );
        let email = observation.invoice.as_ref().and_then(|i| i.email.clone());
        keep_latest(&mut self.email, observation.at, email);
        match &observation.fact {
            Fact::Deleted => self.deleted = true,
            Fact::Status(status) => keep_latest(&mut self.status, observation.at, Some(*status)),
            Fact::Settled | Fact::Failed { .. } => self.learn_of_invoice(observation),
            Fact::TimePassed => {}
        }
        self.forget();
    }

    /// Returns the owed invoices: a payment failed, and the invoice is not settled.
    pub(crate) fn owing(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.iter().filter(|i| self.is_owing(i))
    }

    /// Returns the failures of an invoice, owed or not.
    pub(crate) fn failures(&self, invoice: &str) -> Option<&Failures> {
        let at = self.find(invoice).ok()?;
        Some(&self.invoices[at].failures)
    }

    /// Returns the customer's id.
    pub(crate) fn customer(&self) -> Option<&str> {
        self.customer.as_ref().map(|(_, id)| id.as_str())
    }

    /// Returns the customer's e-mail address.
    pub(crate) fn email(&self) -> Option<&str> {
        self.email.as_ref().map(|(_, address)| address.as_str())
    }

    /// Returns true if an invoice is owed: a payment of it failed, it is not settled, and Stripe
    /// has reported no healthy subscription at a later time.
    fn is_owing(&self, invoice: &Invoice) -> bool {
        let healthy_at = match self.status {
            Some((at, Status::Active | Status::Trialing)) => at,
            _ => i64::MIN,
        };
        !invoice.settled && invoice.failures.attempts > 0 && healthy_at <= invoice.failures.latest
    }

    fn find(&self, invoice: &str) -> Result<usize, usize> {
        self.invoices
            .binary_search_by(|known| known.id.as_str().cmp(invoice))
    }

    fn learn_of_invoice(&mut self, observation: &Observation) {
        let Some(of) = &observation.invoice else {
            return;
        };
        let at = self.find(&of.id).unwrap_or_else(|at| {
            let id = of.id.clone();
            let failures = Failures::default();
            self.invoices.insert(
                at,
                Invoice {
                    id,
                    settled: false,
                    at: observation.at,
                    bill: None,
                    failures,
                },
            );
            at
        });
        let invoice = &mut self.invoices[at];
        invoice.at = invoice.at.max(observation.at);
        keep_latest(&mut invoice.bill, observation.at, Some(of.bill.clone()));
        match observation.fact {
            Fact::Settled => invoice.settled = true,
            Fact::Failed { attempt, last } => invoice.failures.add(attempt, last, observation.at),
            Fact::Status(_) | Fact::Deleted | Fact::TimePassed => {}
        }
        if invoice.settled {
            // Nothing can make a settled invoice owed again, so its details have no more use.
            invoice.failures = Failures::default();
            invoice.bill = None;
        }
    }

    /// Returns true if an event is about an invoice that the facts may have dropped already.
    fn too_late(&self, observation: &Observation) -> bool {
        let forgotten = |id: &str| self.find(id).is_err();
        observation.at < self.clock - REMEMBER
            && observation
                .invoice
                .as_ref()
                .is_some_and(|i| forgotten(&i.id))
    }

    fn forget(&mut self) {
        let since = self.clock - REMEMBER;
        self.invoices
            .retain(|invoice| !invoice.settled || invoice.at >= since);
    }
}

impl Invoice {
    /// Returns the amount and the payment page.
    pub(crate) fn bill(&self) -> Option<&Bill> {
        self.bill.as_ref().map(|(_, bill)| bill)
    }
}

impl Failures {
    /// Returns the time of the earliest observed failure.
    pub(crate) fn first(&self) -> Option<i64> {
        self.reached.iter().map(|(_, at)| *at).min()
    }

    /// Returns the time at which the attempts exceeded `reminders` or Stripe announced the last
    /// attempt, whichever came first.
    pub(crate) fn exhausted(&self, reminders: u32) -> Option<i64> {
        let beyond = self
            .reached
            .iter()
            .filter(|(attempt, _)| *attempt > reminders);
        beyond.map(|(_, at)| *at).chain(self.last).min()
    }

    fn add(&mut self, attempt: u32, last: bool, at: i64) {
        self.attempts = self.attempts.max(attempt);
        self.latest = self.latest.max(at);
        match self
            .reached
            .binary_search_by_key(&attempt, |(known, _)| *known)
        {
            Ok(known) => self.reached[known].1 = at.min(self.reached[known].1),
            Err(place) => self.reached.insert(place, (attempt, at)),
        }
        if last {
            self.last = Some(self.last.map_or(at, |before| before.min(at)));
        }
    }
}

/// Keeps the value of the latest event. Of two values with the same time, the greater one stays.
fn keep_latest<T: Ord>(known: &mut Option<(i64, T)>, at: i64, value: Option<T>) {
    let Some(value) = value else { return };
    let observed = Some((at, value));
    if *known < observed {
        *known = observed;
    }
}
