//! What one event says of a subscription, whichever object of Stripe's it is about.

use tollgate_handler::prelude::*;

use crate::calendar::{self, Due};

/// What one event says of a subscription.
pub(crate) struct News {
    /// Its id.
    pub(crate) subscription: String,
    /// The customer's id.
    pub(crate) customer: Option<String>,
    /// When it happened: seconds since the Unix epoch.
    pub(crate) at: i64,
    /// The invoice that it is about, if it is about one.
    pub(crate) invoice: Option<Invoice>,
    /// What it says.
    pub(crate) fact: Fact,
}

/// What an event says happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fact {
    /// An attempt to collect the invoice failed, counted from 1; `last` if no other follows.
    Failed { attempt: u32, last: bool },
    /// The invoice is paid, or was voided.
    Settled,
    /// The subscription has this status.
    Status(Status),
    /// The subscription has ended, for good.
    Deleted,
    /// Time has passed, and nothing else is known to have happened.
    Passed,
}

/// An invoice, as an event tells of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) email: Option<String>,
    pub(crate) bill: Bill,
}

/// What an invoice asks for, as a mail tells it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Bill {
    /// What is still to be paid, in minor units.
    pub(crate) amount: i64,
    pub(crate) currency: String,
    /// Stripe's page where the customer can pay.
    pub(crate) pay_url: Option<String>,
}

/// A subscription's status with Stripe. The order is that in which it changes within
/// one second, the grain of Stripe's clock: of two updates of the same second the
/// greater is taken for the later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Incomplete,
    Trialing,
    Active,
    Paused,
    PastDue,
    Unpaid,
    IncompleteExpired,
    Canceled,
    /// One that this handler does not know.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct InvoiceObject {
    id: String,
    customer: Option<Expandable>,
    customer_email: Option<String>,
    /// Until API version 2025-03-31.
    subscription: Option<Expandable>,
    /// Since API version 2025-03-31.
    parent: Option<Parent>,
    #[serde(default)]
    attempt_count: u32,
    next_payment_attempt: Option<i64>,
    billing_reason: Option<String>,
    #[serde(default)]
    amount_remaining: i64,
    #[serde(default)]
    currency: String,
    hosted_invoice_url: Option<String>,
}

#[derive(Deserialize)]
struct Parent {
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Deserialize)]
struct SubscriptionDetails {
    subscription: Option<Expandable>,
}

#[derive(Deserialize)]
struct SubscriptionObject {
    id: String,
    customer: Option<Expandable>,
    status: Status,
}

/// What an event says, or why it says nothing that matters here.
pub(crate) fn of(event: &Event) -> Result<Result<News, String>, Error> {
    match event.kind.as_str() {
        calendar::DUE if event.scheduled().is_some() => of_time(event),
        "invoice.payment_failed" => of_invoice(event, true),
        "invoice.paid" | "invoice.payment_succeeded" | "invoice.voided" => of_invoice(event, false),
        "customer.subscription.updated" => of_subscription(event, false),
        "customer.subscription.deleted" => of_subscription(event, true),
        other => Ok(Err(format!(
            "{other} says nothing of a payment that is due"
        ))),
    }
}

fn of_time(event: &Event) -> Result<Result<News, String>, Error> {
    let Due { subscription } = event.json()?;
    Ok(Ok(News {
        subscription,
        customer: None,
        // Later than it was due, if the gateway was not there at the time.
        at: i64::try_from(event.received_ms / 1000).unwrap_or(i64::MAX),
        invoice: None,
        fact: Fact::Passed,
    }))
}

fn of_invoice(event: &Event, failed: bool) -> Result<Result<News, String>, Error> {
    let StripeEvent { created, data, .. } = event.json::<StripeEvent<InvoiceObject>>()?;
    let invoice = data.object;
    let moved = invoice
        .parent
        .and_then(|p| p.subscription_details)
        .and_then(|d| d.subscription);
    let Some(subscription) = invoice.subscription.or(moved) else {
        return Ok(Err(format!("{} belongs to no subscription", invoice.id)));
    };
    if failed && invoice.billing_reason.as_deref() == Some("subscription_create") {
        return Ok(Err(format!(
            "{} is the first of its subscription",
            invoice.id
        )));
    }
    let fact = if failed {
        Fact::Failed {
            attempt: invoice.attempt_count.max(1),
            last: invoice.next_payment_attempt.is_none(),
        }
    } else {
        Fact::Settled
    };
    Ok(Ok(News {
        subscription: subscription.into_id(),
        customer: invoice.customer.map(Expandable::into_id),
        at: created,
        invoice: Some(Invoice {
            id: invoice.id,
            email: invoice.customer_email.filter(|e| !e.is_empty()),
            bill: Bill {
                amount: invoice.amount_remaining,
                currency: invoice.currency,
                pay_url: invoice.hosted_invoice_url,
            },
        }),
        fact,
    }))
}

fn of_subscription(event: &Event, deleted: bool) -> Result<Result<News, String>, Error> {
    let StripeEvent { created, data, .. } = event.json::<StripeEvent<SubscriptionObject>>()?;
    let subscription = data.object;
    let fact = match subscription.status {
        _ if deleted => Fact::Deleted,
        Status::Canceled | Status::IncompleteExpired => Fact::Deleted,
        status => Fact::Status(status),
    };
    Ok(Ok(News {
        subscription: subscription.id,
        customer: subscription.customer.map(Expandable::into_id),
        at: created,
        invoice: None,
        fact,
    }))
}
