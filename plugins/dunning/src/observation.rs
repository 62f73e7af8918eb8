//! An observation: the contents of one event about a subscription, in one form for all of Stripe's
//! objects.

use tollgate_handler::prelude::*;

/// The type of the events that the handler schedules for itself.
pub(crate) const DUE: &str = "dunning.due";

/// The payload of a scheduled event.
#[derive(Serialize, Deserialize)]
pub(crate) struct Due {
    pub(crate) subscription: String,
}

/// The result of reading an event.
pub(crate) enum Reading {
    /// The event is about a subscription.
    Observed(Observation),
    /// The event does not matter to this handler. The text is the reason.
    Irrelevant(String),
}

/// The contents of one event about a subscription.
pub(crate) struct Observation {
    /// The subscription's id.
    pub(crate) subscription: String,
    /// The customer's id.
    pub(crate) customer: Option<String>,
    /// The time at which the event happened: seconds since the Unix epoch.
    pub(crate) at: i64,
    /// The invoice that the event is about, if it is about one.
    pub(crate) invoice: Option<Invoice>,
    /// The fact that the event reports.
    pub(crate) fact: Fact,
}

/// The fact that an event reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fact {
    /// An attempt to collect the invoice failed. The first attempt is 1; `last` means that Stripe
    /// tries no more.
    Failed { attempt: u32, last: bool },
    /// The invoice was paid or voided.
    Settled,
    /// The subscription has this status.
    Status(Status),
    /// The subscription has ended for good.
    Deleted,
    /// Time has passed, and nothing else happened.
    TimePassed,
}

/// An invoice as an event describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) email: Option<String>,
    pub(crate) bill: Bill,
}

/// The amount and the payment page of an invoice, for mails.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Bill {
    /// The amount that is still owed, in the currency's minor unit.
    pub(crate) amount: i64,
    pub(crate) currency: String,
    /// The URL of Stripe's payment page.
    pub(crate) pay_url: Option<String>,
}

/// A subscription's status at Stripe. Stripe's clock counts whole seconds. Of two updates within
/// the same second, the greater status counts as the later one, so the variants stand in the
/// order in which a status usually changes.
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
    /// A status that this handler does not know.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct InvoiceObject {
    id: String,
    customer: Option<Expandable>,
    customer_email: Option<String>,
    /// Set by API versions before 2025-03-31.
    subscription: Option<Expandable>,
    /// Set since API version 2025-03-31.
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

/// Reads an event.
pub(crate) fn read(event: &Event) -> Result<Reading, Error> {
    match event.kind.as_str() {
        DUE if event.scheduled().is_some() => of_time(event),
        "invoice.payment_failed" => of_invoice(event, true),
        "invoice.paid" | "invoice.payment_succeeded" | "invoice.voided" => of_invoice(event, false),
        "customer.subscription.updated" => of_subscription(event, false),
        "customer.subscription.deleted" => of_subscription(event, true),
        other => Ok(Reading::Irrelevant(format!(
            "{other} does not concern an owed payment"
        ))),
    }
}

fn of_time(event: &Event) -> Result<Reading, Error> {
    let Due { subscription } = event.json()?;
    Ok(Reading::Observed(Observation {
        subscription,
        customer: None,
        // The receipt is later than the due time if the gateway was down at the due time.
        at: i64::try_from(event.received_ms / 1000).unwrap_or(i64::MAX),
        invoice: None,
        fact: Fact::TimePassed,
    }))
}

fn of_invoice(event: &Event, failed: bool) -> Result<Reading, Error> {
    let StripeEvent { created, data, .. } = event.json::<StripeEvent<InvoiceObject>>()?;
    let invoice = data.object;
    let moved = invoice
        .parent
        .and_then(|p| p.subscription_details)
        .and_then(|d| d.subscription);
    let Some(subscription) = invoice.subscription.or(moved) else {
        return Ok(Reading::Irrelevant(format!(
            "{} belongs to no subscription",
            invoice.id
        )));
    };
    if failed && invoice.billing_reason.as_deref() == Some("subscription_create") {
        return Ok(Reading::Irrelevant(format!(
            "{} is the first invoice of its subscription",
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
    Ok(Reading::Observed(Observation {
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

fn of_subscription(event: &Event, deleted: bool) -> Result<Reading, Error> {
    let StripeEvent { created, data, .. } = event.json::<StripeEvent<SubscriptionObject>>()?;
    let subscription = data.object;
    let fact = match subscription.status {
        _ if deleted => Fact::Deleted,
        Status::Canceled | Status::IncompleteExpired => Fact::Deleted,
        status => Fact::Status(status),
    };
    Ok(Reading::Observed(Observation {
        subscription: subscription.id,
        customer: subscription.customer.map(Expandable::into_id),
        at: created,
        invoice: None,
        fact,
    }))
}
