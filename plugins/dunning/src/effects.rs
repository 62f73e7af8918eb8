//! The effects of the handler. They follow from the difference between two phases.

use tollgate_handler::prelude::*;

use crate::facts::{Facts, Invoice};
use crate::observation::{Fact, Observation};
use crate::phase::{Phase, Rules};

/// The change that one event makes to a subscription.
pub(crate) struct Change<'a> {
    pub(crate) observation: &'a Observation,
    /// The facts after the event.
    pub(crate) facts: &'a Facts,
    /// The phase before the event.
    pub(crate) before: Phase,
    /// The phase after the event.
    pub(crate) after: Phase,
    /// The invoices to remind the customer of now, each with the level of its reminder.
    pub(crate) reminders: Vec<(&'a Invoice, u32)>,
    /// The invoice whose payment waits for the customer since this event, if there is one.
    pub(crate) action: Option<&'a Invoice>,
    /// True if a payment ends the debts of a subscription.
    pub(crate) recovered: bool,
    /// An invoice that causes the phase after the event, if an invoice causes it.
    pub(crate) cause: Option<&'a Invoice>,
}

#[derive(Serialize)]
struct Mail<'a> {
    template: &'a str,
    subscription: &'a str,
    customer: Option<&'a str>,
    /// The customer's address. A mail without one is not sent.
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspend_at: Option<i64>,
    /// The id of the invoice that the mail is about, if it is about one.
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
struct PhaseChanged<'a> {
    subscription: &'a str,
    customer: Option<&'a str>,
    /// The phase before the change.
    was: String,
}

/// Sends the mails, requests and events that the change calls for.
pub(crate) fn act(change: &Change<'_>) -> Result<(), Error> {
    let Change { before, after, .. } = *change;
    match after {
        Phase::Reminded(_) => {
            for (invoice, level) in &change.reminders {
                let reminder = Mail {
                    level: Some(*level),
                    ..change.template("payment_reminder")
                };
                mail(change, reminder.about(Some(invoice)))?;
            }
        }
        Phase::Grace { until } if matches!(before, Phase::Active | Phase::Reminded(_)) => {
            let grace = Mail {
                suspend_at: Some(until),
                ..change.template("payment_grace")
            };
            mail(change, grace.about(change.cause))?;
        }
        Phase::Suspended if before != after => {
            set_access(change, "suspended")?;
            let suspended = change.template("payment_suspended");
            mail(change, suspended.about(change.cause))?;
            emit_event(change, "subscription.suspended")?;
        }
        Phase::Canceled if before != after => emit_event(change, "subscription.canceled")?,
        _ => {}
    }
    if change.action.is_some() {
        let action = change.template("payment_action_required");
        mail(change, action.about(change.action))?;
    }
    let restored = before == Phase::Suspended && after < before;
    if restored {
        set_access(change, "restored")?;
    }
    if change.recovered {
        mail(change, change.template("payment_recovered"))?;
        emit_event(change, "subscription.recovered")?;
    } else if restored {
        emit_event(change, "subscription.restored")?;
    }
    Ok(())
}

impl<'a> Change<'a> {
    /// Returns the change from the facts before the event to the facts after it.
    pub(crate) fn of(
        observation: &'a Observation,
        facts_before: &Facts,
        facts: &'a Facts,
        rules: &Rules,
    ) -> Self {
        let (before, after) = (Phase::of(facts_before, rules), Phase::of(facts, rules));
        let reminders = facts.owing().filter_map(|invoice| {
            let known = facts_before
                .invoice(&invoice.id)
                .map_or(0, |known| rules.level(known, facts_before.clock));
            let level = rules.level(invoice, facts.clock);
            (level > known).then_some((invoice, level))
        });
        let phase_of = |invoice: &&Invoice| Phase::of_invoice(invoice, facts.clock, rules);
        Self {
            observation,
            facts,
            before,
            after,
            reminders: reminders.collect(),
            action: action_of(observation, facts_before, facts)
                .filter(|_| after != Phase::Canceled),
            recovered: after == Phase::Active && is_paid(observation, facts_before, before),
            cause: facts.owing().find(|invoice| phase_of(invoice) == after),
        }
    }

    /// Returns a mail with the fields of the subscription, without those of an invoice.
    fn template(&self, template: &'a str) -> Mail<'a> {
        Mail {
            template,
            subscription: &self.observation.subscription,
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

/// Returns the invoice of the event, if its payment waits for the customer since this event. News
/// of an attempt that is known to have failed since are too late.
fn action_of<'a>(
    observation: &Observation,
    before: &Facts,
    after: &'a Facts,
) -> Option<&'a Invoice> {
    let id = &observation.invoice.as_ref()?.id;
    let invoice = after.invoice(id)?;
    let known = before.invoice(id).map_or(0, |invoice| invoice.action);
    let is_new = invoice.action > known && invoice.action >= invoice.failures.attempts;
    is_new.then_some(invoice)
}

/// Returns true if the event shows that a debt was paid. A voided invoice was not, and a healthy
/// subscription alone does not say so: Stripe reports the payment by an event of its own, before or
/// after.
fn is_paid(observation: &Observation, before: &Facts, phase: Phase) -> bool {
    match (&observation.fact, &observation.invoice) {
        (Fact::Paid, Some(paid)) => {
            let known = before.invoice(&paid.id);
            known.is_some_and(|invoice| invoice.is_troubled(before.clock))
        }
        (Fact::Status(_), _) => phase == Phase::Suspended && before.paid_since_unpaid(),
        _ => false,
    }
}

impl<'a> Mail<'a> {
    /// Adds the fields of this invoice.
    fn about(self, invoice: Option<&'a Invoice>) -> Self {
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

/// Sends a mail, if the customer's address is known.
fn mail(change: &Change<'_>, mail: Mail<'_>) -> Result<(), Error> {
    let url = config::require("mail_url")?;
    if mail.to.is_none() {
        log::warn!(
            "no mail was sent: Stripe has no address of the customer",
            template = mail.template,
            subscription = mail.subscription,
            customer = mail.customer.unwrap_or_default(),
        );
        return Ok(());
    }
    let request = outbox::post(url).json(&mail);
    request.order_key(&change.observation.subscription).send()?;
    Ok(())
}

/// Asks the service that grants access to suspend or to restore the access.
fn set_access(change: &Change<'_>, access: &str) -> Result<(), Error> {
    let Some(url) = config::get("access_url") else {
        return Ok(());
    };
    let body = Access {
        subscription: &change.observation.subscription,
        customer: change.facts.customer(),
        access,
    };
    outbox::post(url)
        .json(&body)
        .order_key(&change.observation.subscription)
        .send()?;
    Ok(())
}

/// Emits an event for other handlers.
fn emit_event(change: &Change<'_>, kind: &str) -> Result<(), Error> {
    let changed = PhaseChanged {
        subscription: &change.observation.subscription,
        customer: change.facts.customer(),
        was: change.before.to_string(),
    };
    emit::event(kind)
        .subject(&change.observation.subscription)
        .json(&changed)
        .send()?;
    Ok(())
}
