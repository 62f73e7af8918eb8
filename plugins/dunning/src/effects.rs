//! What the handler does to the world: the difference between two phases.

use tollgate_handler::prelude::*;

use crate::facts::Facts;
use crate::news::News;
use crate::phase::Phase;

/// The difference that an event makes.
pub(crate) struct Change<'a> {
    pub(crate) news: &'a News,
    /// What is known with the event.
    pub(crate) facts: &'a Facts,
    /// The phase before the event.
    pub(crate) was: Phase,
    /// The phase with it.
    pub(crate) is: Phase,
    /// The number of a failed attempt that is new with this event.
    pub(crate) reminder: Option<u32>,
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
    /// The invoice that caused the mail, if one did.
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
        Phase::Reminded(_) if change.reminder.is_some() => {
            let level = change.reminder;
            mail(
                change,
                Mail {
                    level,
                    ..change.template("payment_reminder")
                },
            )?;
        }
        Phase::Grace { until } if matches!(was, Phase::Active | Phase::Reminded(_)) => {
            let suspend_at = Some(until);
            mail(
                change,
                Mail {
                    suspend_at,
                    ..change.template("payment_grace")
                },
            )?;
        }
        Phase::Suspended if was != is => {
            set_access(change, "suspended")?;
            mail(change, change.template("payment_suspended"))?;
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
    /// A mail with all that is known.
    fn template(&self, template: &'a str) -> Mail<'a> {
        let invoice = self.news.invoice.as_ref();
        Mail {
            template,
            subscription: &self.news.subscription,
            customer: self.facts.customer(),
            to: self.facts.email(),
            level: None,
            suspend_at: None,
            invoice: invoice.map(|i| i.id.as_str()),
            amount: invoice.map(|i| i.amount),
            currency: invoice.map(|i| i.currency.as_str()),
            pay_url: invoice.and_then(|i| i.pay_url.as_deref()),
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
