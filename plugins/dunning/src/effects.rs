//! What the handler does to the world: the difference between two phases.

use tollgate_handler::prelude::*;

use crate::facts::{Facts, Invoice};
use crate::news::News;
use crate::phase::{Phase, Rules};

/// The difference that an event makes.
pub(crate) struct Change<'a> {
    pub(crate) news: &'a News,
    /// What is known with the event.
    pub(crate) facts: &'a Facts,
    /// The phase before the event.
    pub(crate) was: Phase,
    /// The phase with it.
    pub(crate) is: Phase,
    /// The invoices of which the customer is to be reminded now, and how urgently.
    pub(crate) reminders: Vec<(&'a Invoice, u32)>,
    /// The invoice that it stands so badly for, if it does for one.
    pub(crate) worst: Option<&'a Invoice>,
}

#[derive(Serialize)]
struct Mail<'a> {
    template: &'a str,
    subscription: &'a str,
    customer: Option<&'a str>,
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspend_at: Option<i64>,
    /// The invoice that the mail is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pay_url: Option<&'a str>,
}

#[derive(Serialize)]
struct Access<'a> {
    subscription: &'a str,
    customer: Option<&'a str>,
    access: &'a str,
}

#[derive(Serialize)]
struct Told<'a> {
    subscription: &'a str,
    customer: Option<&'a str>,
    was: String,
}

/// Does all that the change calls for.
pub(crate) fn act(change: &Change<'_>) -> Result<(), Error> {
    let Change { was, is, .. } = *change;
    match is {
        Phase::Reminded(_) => {
            for (invoice, level) in &change.reminders {
                let reminder = Mail {
                    level: Some(*level),
                    ..change.template("payment_reminder")
                };
                mail(change, reminder.of(Some(invoice)))?;
            }
        }
        Phase::Grace { until } if matches!(was, Phase::Active | Phase::Reminded(_)) => {
            let grace = Mail {
                suspend_at: Some(until),
                ..change.template("payment_grace")
            };
            mail(change, grace.of(change.worst))?;
        }
        Phase::Suspended if was != is => {
            set_access(change, "suspended")?;
            let suspended = change.template("payment_suspended");
            mail(change, suspended.of(change.worst))?;
            tell(change, "subscription.suspended")?;
        }
        Phase::Canceled if was != is => tell(change, "subscription.canceled")?,
        _ => {}
    }
    if was == Phase::Suspended && is < was {
        set_access(change, "restored")?;
    }
    if is == Phase::Active && was != is {
        mail(change, change.template("payment_recovered"))?;
        tell(change, "subscription.recovered")?;
    }
    Ok(())
}

impl<'a> Change<'a> {
    /// What goes on with these facts, where it went so before.
    pub(crate) fn of(news: &'a News, before: &Facts, facts: &'a Facts, rules: &Rules) -> Self {
        let (was, is) = (Phase::of(before, rules), Phase::of(facts, rules));
        let reminders = facts.owing().filter_map(|invoice| {
            let known = before
                .failures(&invoice.id)
                .map_or(0, |failures| rules.level(failures, before.clock));
            let level = rules.level(&invoice.failures, facts.clock);
            (level > known).then_some((invoice, level))
        });
        let stands = |invoice: &&Invoice| Phase::of_invoice(&invoice.failures, facts.clock, rules);
        Self {
            news,
            facts,
            was,
            is,
            reminders: reminders.collect(),
            worst: facts.owing().find(|invoice| stands(invoice) == is),
        }
    }

    /// A mail with all that is known, but of the invoice.
    fn template(&self, template: &'a str) -> Mail<'a> {
        Mail {
            template,
            subscription: &self.news.subscription,
            customer: self.facts.customer(),
            to: self.facts.email(),
            level: None,
            suspend_at: None,
            invoice: None,
            amount: None,
            currency: None,
            pay_url: None,
        }
    }
}

impl<'a> Mail<'a> {
    /// The same, of this invoice.
    fn of(self, invoice: Option<&'a Invoice>) -> Self {
        let bill = invoice.and_then(Invoice::bill);
        Mail {
            invoice: invoice.map(|i| i.id.as_str()),
            amount: bill.map(|bill| bill.amount),
            currency: bill.map(|bill| bill.currency.as_str()),
            pay_url: bill.and_then(|bill| bill.pay_url.as_deref()),
            ..self
        }
    }
}

fn mail(change: &Change<'_>, mail: Mail<'_>) -> Result<(), Error> {
    let request = outbox::post(config::require("mail_url")?).json(&mail);
    request.order_key(&change.news.subscription).send()?;
    Ok(())
}

/// Asks the service that grants access to end it or to restore it.
fn set_access(change: &Change<'_>, access: &str) -> Result<(), Error> {
    let Some(url) = config::get("access_url") else {
        return Ok(());
    };
    let body = Access {
        subscription: &change.news.subscription,
        customer: change.facts.customer(),
        access,
    };
    outbox::post(url)
        .json(&body)
        .order_key(&change.news.subscription)
        .send()?;
    Ok(())
}

/// Tells the other handlers.
fn tell(change: &Change<'_>, kind: &str) -> Result<(), Error> {
    let told = Told {
        subscription: &change.news.subscription,
        customer: change.facts.customer(),
        was: change.was.to_string(),
    };
    emit::event(kind)
        .subject(&change.news.subscription)
        .json(&told)
        .send()?;
    Ok(())
}
