//! What is known of one subscription: facts whose sum does not depend on the order
//! in which they arrive, nor on how often.
//!
//! That is so because each field only ever grows in an order of its own: a greatest
//! time, a greatest number of attempts, a least start of grace, a mark that stays.

use tollgate_handler::prelude::*;

use crate::news::{Bill, Fact, News, Status};

/// How long a settled invoice is remembered, so that a late failure of it is known as
/// such: Stripe resends for 3 days and lets one resend for 30, the gateway keeps
/// events for 35. In seconds: 90 days.
const REMEMBER: i64 = 90 * 24 * 60 * 60;

/// What is known of one subscription; kept under `subscription/ID`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// When the latest event happened that was heard of, or the calendar was last looked at.
    pub(crate) clock: i64,
    /// The customer, and since when.
    customer: Option<(i64, String)>,
    /// Where mails go, and since when.
    email: Option<(i64, String)>,
    /// The latest status, and since when.
    pub(crate) status: Option<(i64, Status)>,
    /// Whether the subscription has ended.
    pub(crate) deleted: bool,
    /// The invoices that failed or were settled, sorted by id.
    invoices: Vec<Invoice>,
}

/// What is known of one invoice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    settled: bool,
    /// When the latest event of it happened.
    at: i64,
    /// What it asks for, and since when, while it is not settled.
    #[serde(default)]
    bill: Option<(i64, Bill)>,
    pub(crate) failures: Failures,
}

/// The failed attempts to collect an invoice.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Failures {
    /// The most attempts that were heard of, counted from 1; 0 for none.
    pub(crate) attempts: u32,
    /// When the latest of them happened.
    pub(crate) latest: i64,
    /// When each number of attempts was first reached, as far as heard of; sorted by number.
    reached: Vec<(u32, i64)>,
    /// When Stripe said that it was the last attempt, if it did.
    last: Option<i64>,
}

impl Facts {
    /// Adds what an event says.
    pub(crate) fn learn(&mut self, news: &News) {
        if self.too_late(news) {
            return;
        }
        self.clock = self.clock.max(news.at);
        keep_latest(&mut self.customer, news.at, news.customer.clone());
        let email = news.invoice.as_ref().and_then(|i| i.email.clone());
        keep_latest(&mut self.email, news.at, email);
        match &news.fact {
            Fact::Deleted => self.deleted = true,
            Fact::Status(status) => keep_latest(&mut self.status, news.at, Some(*status)),
            Fact::Settled | Fact::Failed { .. } => self.learn_of_invoice(news),
            Fact::Passed => {}
        }
        self.forget();
    }

    /// The invoices that are still to be paid after a payment failed.
    pub(crate) fn owing(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.iter().filter(|i| self.is_owing(i))
    }

    /// The failures of an invoice, owed or not.
    pub(crate) fn failures(&self, invoice: &str) -> Option<&Failures> {
        let at = self.find(invoice).ok()?;
        Some(&self.invoices[at].failures)
    }

    /// The customer's id.
    pub(crate) fn customer(&self) -> Option<&str> {
        self.customer.as_ref().map(|(_, id)| id.as_str())
    }

    /// The customer's address.
    pub(crate) fn email(&self) -> Option<&str> {
        self.email.as_ref().map(|(_, address)| address.as_str())
    }

    /// An invoice is owed once a payment of it failed, until it is settled or Stripe calls the
    /// subscription sound again at a later time.
    fn is_owing(&self, invoice: &Invoice) -> bool {
        let sound_at = match self.status {
            Some((at, Status::Active | Status::Trialing)) => at,
            _ => i64::MIN,
        };
        !invoice.settled && invoice.failures.attempts > 0 && sound_at <= invoice.failures.latest
    }

    fn find(&self, invoice: &str) -> Result<usize, usize> {
        self.invoices
            .binary_search_by(|known| known.id.as_str().cmp(invoice))
    }

    fn learn_of_invoice(&mut self, news: &News) {
        let Some(of) = &news.invoice else { return };
        let at = self.find(&of.id).unwrap_or_else(|at| {
            let id = of.id.clone();
            let failures = Failures::default();
            self.invoices.insert(
                at,
                Invoice {
                    id,
                    settled: false,
                    at: news.at,
                    bill: None,
                    failures,
                },
            );
            at
        });
        let invoice = &mut self.invoices[at];
        invoice.at = invoice.at.max(news.at);
        keep_latest(&mut invoice.bill, news.at, Some(of.bill.clone()));
        match news.fact {
            Fact::Settled => invoice.settled = true,
            Fact::Failed { attempt, last } => invoice.failures.add(attempt, last, news.at),
            Fact::Status(_) | Fact::Deleted | Fact::Passed => {}
        }
        if invoice.settled {
            // Nothing can make it owed again, so these are of no more use.
            invoice.failures = Failures::default();
            invoice.bill = None;
        }
    }

    /// Whether an event is of an invoice that may have been forgotten already.
    fn too_late(&self, news: &News) -> bool {
        let forgotten = |id: &str| self.find(id).is_err();
        news.at < self.clock - REMEMBER && news.invoice.as_ref().is_some_and(|i| forgotten(&i.id))
    }

    fn forget(&mut self) {
        let since = self.clock - REMEMBER;
        self.invoices
            .retain(|invoice| !invoice.settled || invoice.at >= since);
    }
}

impl Invoice {
    /// What it asks for.
    pub(crate) fn bill(&self) -> Option<&Bill> {
        self.bill.as_ref().map(|(_, bill)| bill)
    }
}

impl Failures {
    /// When the first of them happened that was heard of.
    pub(crate) fn first(&self) -> Option<i64> {
        self.reached.iter().map(|(_, at)| *at).min()
    }

    /// When the attempts exceeded `reminders`, or Stripe said that there would be no other.
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

/// Keeps the value of the latest event; of two at the same time, the greater.
fn keep_latest<T: Ord>(known: &mut Option<(i64, T)>, at: i64, value: Option<T>) {
    let Some(value) = value else { return };
    let heard = Some((at, value));
    if *known < heard {
        *known = heard;
    }
}
