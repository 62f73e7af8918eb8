//! What one event says of a payment, whichever object of Stripe's it is about.

use serde_json::value::RawValue;
use tollgate_handler::prelude::*;

/// What one event says of a payment.
pub(crate) struct Sighting {
    /// The payment intent's id or, where nothing is to be paid, the session's.
    pub(crate) payment: String,
    /// The connected account, for whom order ids are their own.
    pub(crate) account: Option<String>,
    /// The order, where this event names it.
    pub(crate) order: Option<String>,
    /// What was paid; none where it is not paid yet.
    pub(crate) paid: Option<Money>,
    /// The customer's address, where this event knows it.
    pub(crate) email: Option<String>,
    /// Whether the event is a session's, which knows better where the customer is reached.
    pub(crate) by_session: bool,
    /// Where to ship to, as Stripe has it.
    pub(crate) shipping: Option<Box<RawValue>>,
}

/// An amount in the currency's minor unit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Money {
    pub(crate) amount: i64,
    pub(crate) currency: String,
}

/// A sighting, or why the event says nothing of an order.
pub(crate) type Seen = Result<Sighting, String>;

#[derive(Deserialize)]
struct PaymentIntent {
    id: String,
    amount: i64,
    amount_received: Option<i64>,
    currency: String,
    #[serde(default)]
    metadata: Metadata,
    receipt_email: Option<String>,
    /// Only API versions before 2025-03-31 tell.
    invoice: Option<Expandable>,
    shipping: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    mode: String,
    payment_status: String,
    payment_intent: Option<Expandable>,
    amount_total: Option<i64>,
    currency: Option<String>,
    metadata: Option<Metadata>,
    customer_email: Option<String>,
    customer_details: Option<Customer>,
    /// Until API version 2025-03-31; since then it is part of what was collected.
    shipping_details: Option<Box<RawValue>>,
    collected_information: Option<Collected>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    order_id: Option<String>,
}

#[derive(Deserialize)]
struct Customer {
    email: Option<String>,
}

#[derive(Deserialize)]
struct Collected {
    shipping_details: Option<Box<RawValue>>,
}

/// What `payment_intent.succeeded` says.
pub(crate) fn of_payment_intent(event: &Event) -> Result<Seen, Error> {
    let StripeEvent { account, data, .. } = event.json::<StripeEvent<PaymentIntent>>()?;
    let intent = data.object;
    if let Some(invoice) = intent.invoice {
        return Ok(Err(format!(
            "{} pays the invoice {}, no order",
            intent.id,
            invoice.id()
        )));
    }
    Ok(Ok(Sighting {
        payment: intent.id,
        account,
        order: present(intent.metadata.order_id),
        paid: Some(Money {
            amount: intent.amount_received.unwrap_or(intent.amount),
            currency: intent.currency,
        }),
        email: present(intent.receipt_email),
        by_session: false,
        shipping: intent.shipping,
    }))
}

/// What a checkout session's event says.
pub(crate) fn of_session(event: &Event) -> Result<Seen, Error> {
    let StripeEvent { account, data, .. } = event.json::<StripeEvent<Session>>()?;
    let session = data.object;
    if session.mode != "payment" {
        return Ok(Err(format!(
            "{} is a session of mode {}, no order",
            session.id, session.mode
        )));
    }
    let paid = match session.payment_status.as_str() {
        "paid" | "no_payment_required" => Some(Money {
            amount: session.amount_total.unwrap_or(0),
            currency: session.currency.unwrap_or_default(),
        }),
        _ => None,
    };
    let collected = session
        .collected_information
        .and_then(|c| c.shipping_details);
    Ok(Ok(Sighting {
        payment: session
            .payment_intent
            .map_or(session.id, Expandable::into_id),
        account,
        order: present(session.metadata.and_then(|m| m.order_id)),
        paid,
        email: present(session.customer_details.and_then(|c| c.email))
            .or(present(session.customer_email)),
        by_session: true,
        shipping: collected.or(session.shipping_details),
    }))
}

/// A text that is more than blanks.
fn present(text: Option<String>) -> Option<String> {
    text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}
