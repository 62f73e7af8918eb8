//! An observation: the contents of one event about a subscription, in one form for all of Stripe's
//! objects.

use tollgate_handler::prelude::*;
use tollgate_handler::stripe::told;

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
    /// The invoice is open, and the customer pays it by themselves.
    Billed,
    /// An attempt to collect the invoice waits for the customer, such as for 3-D Secure.
    ActionRequired { attempt: u32 },
    /// The invoice was paid.
    Paid,
    /// The invoice was voided: nobody has to pay it.
    Voided,
    /// The invoice was marked as uncollectible: nobody expects it to be paid.
    WrittenOff,
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
    pub(crate) terms: Terms,
}

/// The way in which an invoice is paid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Terms {
    /// Stripe charges the customer's payment method.
    Automatic,
    /// The customer pays by themselves until this time, in seconds since the Unix epoch. `None`
    /// if no event has told the time yet.
    By(Option<i64>),
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

/// An invoice. `docs/stripe-fields.md` says which API versions have which fields.
#[derive(Deserialize)]
struct InvoiceObject {
    id: String,
    customer: Option<Expandable>,
    customer_email: Option<String>,
    /// Only API versions before 2025-03-31 have this field.
    subscription: Option<Expandable>,
    /// API versions since 2025-03-31 have this field.
    parent: Option<Parent>,
    collection_method: Option<String>,
    due_date: Option<i64>,
    status: Option<String>,
    attempt_count: Option<u32>,
    /// `null` says that Stripe tries no more. An absent field says nothing.
    #[serde(default, deserialize_with = "told")]
    next_payment_attempt: Option<Option<i64>>,
    billing_reason: Option<String>,
    amount_remaining: Option<i64>,
    currency: Option<String>,
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
    match stripe::kind(event) {
        DUE if event.scheduled().is_some() => of_time(event),
        "invoice.finalized"
        | "invoice.sent"
        | "invoice.updated"
        | "invoice.overdue"
        | "invoice.payment_failed"
        | "invoice.payment_action_required"
        | "invoice.paid"
        | "invoice.payment_succeeded"
        | "invoice.voided"
        | "invoice.marked_uncollectible" => of_invoice(event),
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

fn of_invoice(event: &Event) -> Result<Reading, Error> {
    let envelope = match stripe::read::<InvoiceObject>(event)? {
        stripe::Reading::Found(envelope) => envelope,
        stripe::Reading::Gone(gone) => {
            let invoice = event.subject.as_deref().unwrap_or("an invoice");
            let reason = format!("Stripe no longer has {invoice}");
            return Ok(Reading::Irrelevant(gone.other_mode()?.unwrap_or(reason)));
        }
    };
    if let Some(reason) = envelope.other_mode()? {
        return Ok(Reading::Irrelevant(reason));
    }
    let at = envelope.created;
    let invoice = envelope.data.object;
    // The invoice of a thin event may have been settled since.
    let kind = match envelope.read_ms {
        Some(_) => invoice.kind_today(&envelope.kind),
        None => &envelope.kind,
    };
    let terms = match (invoice.terms(), kind) {
        // An overdue invoice is due at the latest when Stripe says that it is.
        (Terms::By(None), "invoice.overdue") => Terms::By(Some(at)),
        (terms, _) => terms,
    };
    let fact = match invoice.fact(kind, terms) {
        Ok(fact) => fact,
        Err(reason) => return Ok(Reading::Irrelevant(format!("{} {reason}", invoice.id))),
    };
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
    let email = invoice.customer_email.filter(|e| !e.trim().is_empty());
    Ok(Reading::Observed(Observation {
        subscription: subscription.into_id(),
        customer: invoice.customer.map(Expandable::into_id),
        at,
        invoice: Some(Invoice {
            id: invoice.id,
            email,
            bill: Bill {
                amount: invoice.amount_remaining.unwrap_or_default(),
                currency: invoice.currency.unwrap_or_default(),
                pay_url: invoice.hosted_invoice_url,
            },
            terms,
        }),
        fact,
    }))
}

impl InvoiceObject {
    /// Returns the way in which the invoice is paid. Only an invoice that the customer pays by
    /// themselves has a due date.
    fn terms(&self) -> Terms {
        match self.collection_method.as_deref() {
            Some("send_invoice") => Terms::By(self.due_date),
            None if self.due_date.is_some() => Terms::By(self.due_date),
            _ => Terms::Automatic,
        }
    }

    /// Returns the type of the event that tells the state in which the invoice is now, if the
    /// invoice is settled or written off, and `kind` otherwise.
    fn kind_today<'k>(&self, kind: &'k str) -> &'k str {
        match self.status.as_deref() {
            Some("paid") => "invoice.paid",
            Some("void") => "invoice.voided",
            Some("uncollectible") => "invoice.marked_uncollectible",
            _ => kind,
        }
    }

    /// Returns the fact that an event about this invoice reports, or the reason why it reports
    /// none.
    fn fact(&self, kind: &str, terms: Terms) -> Result<Fact, &'static str> {
        let attempt = self.attempt_count.unwrap_or_default().max(1);
        let automatic = terms == Terms::Automatic;
        let first = self.billing_reason.as_deref() == Some("subscription_create");
        match kind {
            "invoice.paid" | "invoice.payment_succeeded" => Ok(Fact::Paid),
            "invoice.voided" => Ok(Fact::Voided),
            "invoice.marked_uncollectible" => Ok(Fact::WrittenOff),
            "invoice.payment_failed" | "invoice.payment_action_required" if automatic && first => {
                Err("is the first invoice of its subscription: the customer is at the checkout")
            }
            "invoice.payment_failed" => Ok(Fact::Failed {
                attempt,
                last: automatic && self.next_payment_attempt == Some(None),
            }),
            "invoice.payment_action_required" if automatic => Ok(Fact::ActionRequired { attempt }),
            "invoice.payment_action_required" => Err("is paid by the customer, who is there"),
            _ if automatic => Err("is collected by Stripe, and no attempt has failed"),
            _ => match self.status.as_deref() {
                None | Some("open") => Ok(Fact::Billed),
                Some(_) => Err("is not open"),
            },
        }
    }
}

fn of_subscription(event: &Event, deleted: bool) -> Result<Reading, Error> {
    let envelope = match stripe::read::<SubscriptionObject>(event)? {
        stripe::Reading::Found(envelope) => envelope,
        stripe::Reading::Gone(gone) => return of_gone_subscription(event, &gone),
    };
    if let Some(reason) = envelope.other_mode()? {
        return Ok(Reading::Irrelevant(reason));
    }
    let at = envelope.created;
    let subscription = envelope.data.object;
    let fact = match subscription.status {
        _ if deleted => Fact::Deleted,
        Status::Canceled | Status::IncompleteExpired => Fact::Deleted,
        status => Fact::Status(status),
    };
    Ok(Reading::Observed(Observation {
        subscription: subscription.id,
        customer: subscription.customer.map(Expandable::into_id),
        at,
        invoice: None,
        fact,
    }))
}

/// A subscription that Stripe no longer has is over.
fn of_gone_subscription(event: &Event, gone: &StripeEvent<()>) -> Result<Reading, Error> {
    if let Some(reason) = gone.other_mode()? {
        return Ok(Reading::Irrelevant(reason));
    }
    let Some(subscription) = event.subject.clone() else {
        let reason = format!("{} names no subscription", gone.id);
        return Ok(Reading::Irrelevant(reason));
    };
    Ok(Reading::Observed(Observation {
        subscription,
        customer: None,
        at: gone.created,
        invoice: None,
        fact: Fact::Deleted,
    }))
}
