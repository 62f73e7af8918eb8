//! The facts about one subscription. The final facts depend neither on the order in which events
//! arrive nor on how often each event arrives.
//!
//! The reason: each field only grows, in an order of its own. A field is a greatest time, a
//! greatest number of attempts, a least start of grace, the value of the latest time, or a mark
//! that stays.

use tollgate_handler::prelude::*;

use crate::observation::{Bill, Fact, Observation, Status, Terms};

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
    /// The invoices that events told of, open and settled, sorted by id.
    invoices: Vec<Invoice>,
}

/// The facts about one invoice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    /// True once nobody has to pay the invoice any more.
    settled: bool,
    /// True once the invoice was voided.
    #[serde(default)]
    voided: bool,
    /// The time of the latest event about the invoice.
    at: i64,
    /// The way in which it is paid, with the time of its event; `None` once it is settled.
    #[serde(default)]
    terms: Option<(i64, Terms)>,
    /// The earliest time at which it was written off; `None` once it is settled.
    #[serde(default)]
    written_off: Option<i64>,
    /// The greatest number of an attempt that waited for the customer; 0 once it is settled.
    #[serde(default)]
    pub(crate) action: u32,
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
            Fact::TimePassed => {}
            Fact::Billed
            | Fact::ActionRequired { .. }
            | Fact::Failed { .. }
            | Fact::Paid
            | Fact::Voided
            | Fact::WrittenOff => self.learn_of_invoice(observation),
        }
        self.forget();
    }

    /// Returns the owed invoices: a payment failed, or the due date has passed, or the invoice was
    /// written off; and the invoice is not settled.
    pub(crate) fn owing(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.iter().filter(|i| self.is_owing(i))
    }

    /// Returns the invoices that are not settled.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.iter().filter(|invoice| !invoice.settled)
    }

    /// Returns an invoice, owed or not.
    pub(crate) fn invoice(&self, id: &str) -> Option<&Invoice> {
        let at = self.find(id).ok()?;
        Some(&self.invoices[at])
    }

    /// Returns true if an invoice was paid after Stripe had called the subscription unpaid.
    pub(crate) fn paid_since_unpaid(&self) -> bool {
        let Some((since, Status::Unpaid)) = self.status else {
            return false;
        };
        let mut invoices = self.invoices.iter();
        invoices.any(|invoice| invoice.settled && !invoice.voided && invoice.at >= since)
    }

    /// Returns the customer's id.
    pub(crate) fn customer(&self) -> Option<&str> {
        self.customer.as_ref().map(|(_, id)| id.as_str())
    }

    /// Returns the customer's e-mail address.
    pub(crate) fn email(&self) -> Option<&str> {
        self.email.as_ref().map(|(_, address)| address.as_str())
    }

    /// Returns true if an invoice is owed. A later report of a healthy subscription ends a debt
    /// that Stripe collects or that was written off. It says nothing about an invoice that the
    /// customer pays by themselves: Stripe looks at the latest invoice alone.
    fn is_owing(&self, invoice: &Invoice) -> bool {
        if !invoice.is_troubled(self.clock) {
            return false;
        }
        let healthy_at = match self.status {
            Some((at, Status::Active | Status::Trialing)) => at,
            _ => i64::MIN,
        };
        match (invoice.written_off, invoice.terms()) {
            (Some(at), _) => healthy_at <= at,
            (None, Terms::By(_)) => true,
            (None, Terms::Automatic) => healthy_at <= invoice.failures.latest,
        }
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
                    voided: false,
                    at: observation.at,
                    terms: None,
                    written_off: None,
                    action: 0,
                    bill: None,
                    failures,
                },
            );
            at
        });
        let invoice = &mut self.invoices[at];
        invoice.at = invoice.at.max(observation.at);
        keep_latest(&mut invoice.bill, observation.at, Some(of.bill.clone()));
        keep_latest(&mut invoice.terms, observation.at, Some(of.terms));
        match observation.fact {
            Fact::Paid => invoice.settled = true,
            Fact::Voided => {
                invoice.settled = true;
                invoice.voided = true;
            }
            Fact::WrittenOff => {
                let known = invoice.written_off.unwrap_or(observation.at);
                invoice.written_off = Some(known.min(observation.at));
            }
            Fact::ActionRequired { attempt } => invoice.action = invoice.action.max(attempt),
            Fact::Failed { attempt, last } => invoice.failures.add(attempt, last, observation.at),
            Fact::Billed | Fact::Status(_) | Fact::Deleted | Fact::TimePassed => {}
        }
        if invoice.settled {
            invoice.forget_details();
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

    /// Returns the way in which the invoice is paid.
    pub(crate) fn terms(&self) -> Terms {
        self.terms.map_or(Terms::Automatic, |(_, terms)| terms)
    }

    /// Returns the time until which the customer pays by themselves, if the invoice has one.
    pub(crate) fn due(&self) -> Option<i64> {
        match self.terms() {
            Terms::By(due) => due,
            Terms::Automatic => None,
        }
    }

    /// Returns true if the invoice was written off.
    pub(crate) fn is_written_off(&self) -> bool {
        self.written_off.is_some()
    }

    /// Returns true if the invoice should have been paid at a time: a payment failed, the due date
    /// has passed, or it was written off.
    pub(crate) fn is_troubled(&self, clock: i64) -> bool {
        if self.settled || self.is_written_off() {
            return !self.settled;
        }
        match self.terms() {
            Terms::Automatic => self.failures.attempts > 0,
            Terms::By(due) => due.is_some_and(|due| due <= clock),
        }
    }

    /// Drops the details of a settled invoice. Nothing can make it owed again.
    fn forget_details(&mut self) {
        self.failures = Failures::default();
        self.bill = None;
        self.terms = None;
        self.written_off = None;
        self.action = 0;
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
