//! An observation: the contents of one event about a payment, in one form for both of Stripe's
//! objects.

use serde_json::value::RawValue;
use tollgate_handler::prelude::*;

/// The result of reading an event.
pub(crate) enum Reading {
    /// The event is about the payment of an order.
    Observed(Observation),
    /// The event concerns no order. The text is the reason.
    Irrelevant(String),
}

/// The contents of one event about a payment.
pub(crate) struct Observation {
    /// The payment intent's id or, if there is nothing to pay, the session's id.
    pub(crate) payment: String,
    /// The connected account. Each account has order ids of its own.
    pub(crate) account: Option<String>,
    /// The order's id, if the event has it.
    pub(crate) order: Option<String>,
    /// The paid amount; `None` for an unpaid session.
    pub(crate) paid: Option<Money>,
    /// The customer's e-mail address, if the event has it.
    pub(crate) email: Option<String>,
    /// True for a session. The addresses of a session take precedence over those of a payment
    /// intent.
    pub(crate) by_session: bool,
    /// The shipping address in Stripe's form.
    pub(crate) shipping: Option<Box<RawValue>>,
}

/// An amount in the currency's minor unit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Money {
    pub(crate) amount: i64,
    pub(crate) currency: String,
}

#[derive(Deserialize)]
struct PaymentIntent {
    id: String,
    amount: i64,
    amount_received: Option<i64>,
    currency: String,
    #[serde(default)]
    metadata: Metadata,
    receipt_email: Option<String>,
    /// Set by API versions before 2025-03-31 only.
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
    /// Set by API versions before 2025-03-31. Later versions set it in `collected_information`.
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

/// Reads `payment_intent.succeeded`.
pub(crate) fn of_payment_intent(event: &Event) -> Result<Reading, Error> {
    let StripeEvent { account, data, .. } = event.json::<StripeEvent<PaymentIntent>>()?;
    let intent = data.object;
    if let Some(invoice) = intent.invoice {
        return Ok(Reading::Irrelevant(format!(
            "{} pays the invoice {}, no order",
            intent.id,
            invoice.id()
        )));
    }
    Ok(Reading::Observed(Observation {
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

/// Reads an event about a checkout session.
pub(crate) fn of_session(event: &Event) -> Result<Reading, Error> {
    let StripeEvent { account, data, .. } = event.json::<StripeEvent<Session>>()?;
    let session = data.object;
    if session.mode != "payment" {
        return Ok(Reading::Irrelevant(format!(
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
    Ok(Reading::Observed(Observation {
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

/// Returns the trimmed text; `None` if nothing is left of it.
fn present(text: Option<String>) -> Option<String> {
    text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}
