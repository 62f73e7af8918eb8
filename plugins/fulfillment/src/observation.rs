//! An observation: the contents of one event about a payment, in one form for both of Stripe's
//! objects.

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::value::RawValue;
use tollgate_handler::prelude::*;
use tollgate_handler::stripe::told;

use crate::purpose::{Clues, PaymentDetails, Purpose};

/// The result of reading an event.
pub(crate) enum Reading {
    /// The event is about the payment of an order.
    Observed(Observation),
    /// The payment with this id was refunded in full.
    Refunded(String),
    /// The event concerns no order. The text is the reason.
    Irrelevant(String),
}

/// The contents of one event about a payment.
pub(crate) struct Observation {
    /// The payment intent's id or, if there is nothing to pay, the session's id.
    pub(crate) payment: String,
    /// The account and the mode: each has order ids of its own.
    pub(crate) scope: String,
    /// True if the event shows that the payment is for an order.
    pub(crate) is_order: bool,
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
    /// `succeeded`, unless the object is newer than the event.
    status: Option<String>,
    amount: i64,
    amount_received: Option<i64>,
    currency: String,
    metadata: Option<Metadata>,
    receipt_email: Option<String>,
    shipping: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "told")]
    invoice: Option<Option<Expandable>>,
    payment_details: Option<PaymentDetails>,
    #[serde(default, deserialize_with = "told")]
    customer: Option<Option<Expandable>>,
    customer_account: Option<Expandable>,
    description: Option<String>,
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
    /// Only API versions before 2025-03-31 have this field. Versions since 2025-02-24 have it in
    /// `collected_information`.
    shipping_details: Option<Box<RawValue>>,
    collected_information: Option<Collected>,
}

#[derive(Deserialize)]
struct Charge {
    id: String,
    payment_intent: Option<Expandable>,
    /// True if all of the charge was refunded.
    #[serde(default)]
    refunded: bool,
    /// The invoice. Only API versions before 2025-03-31 have this field.
    invoice: Option<Expandable>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default, deserialize_with = "text")]
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
    let envelope = match found::<PaymentIntent>(event)? {
        Found::Event(envelope) => envelope,
        Found::Irrelevant(reason) => return Ok(Reading::Irrelevant(reason)),
    };
    let scope = scope(&envelope);
    let intent = envelope.data.object;
    let order = present(intent.metadata.and_then(|m| m.order_id));
    let clues = Clues {
        invoice: intent.invoice,
        payment_details: intent.payment_details,
        customer: intent.customer,
        customer_account: intent.customer_account,
        description: intent.description,
    };
    let is_order = match clues.purpose(order.is_some()) {
        Purpose::Order => true,
        Purpose::Open => !config::parse("invoices")?.unwrap_or(true),
        Purpose::Invoice(invoice) => {
            return Ok(Reading::Irrelevant(format!(
                "{} is no order: it pays {invoice}",
                intent.id
            )));
        }
    };
    let received = intent.amount_received.unwrap_or(intent.amount);
    let succeeded = intent.status.is_none_or(|status| status == "succeeded") && received > 0;
    Ok(Reading::Observed(Observation {
        payment: intent.id,
        scope,
        is_order,
        order,
        paid: succeeded.then_some(Money {
            amount: received,
            currency: intent.currency,
        }),
        // A payment that may be no order leaves no personal data: its session has them.
        email: present(intent.receipt_email).filter(|_| is_order),
        by_session: false,
        shipping: intent.shipping.filter(|_| is_order).map(compact),
    }))
}

/// Reads an event about a checkout session.
pub(crate) fn of_session(event: &Event) -> Result<Reading, Error> {
    let envelope = match found::<Session>(event)? {
        Found::Event(envelope) => envelope,
        Found::Irrelevant(reason) => return Ok(Reading::Irrelevant(reason)),
    };
    let scope = scope(&envelope);
    let session = envelope.data.object;
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
        scope,
        is_order: true,
        order: present(session.metadata.and_then(|m| m.order_id)),
        paid,
        email: present(session.customer_details.and_then(|c| c.email))
            .or(present(session.customer_email)),
        by_session: true,
        shipping: collected.or(session.shipping_details).map(compact),
    }))
}

/// Reads `charge.refunded`. Stripe sends the event for each refund, of a part too.
pub(crate) fn of_refund(event: &Event) -> Result<Reading, Error> {
    let envelope = match found::<Charge>(event)? {
        Found::Event(envelope) => envelope,
        Found::Irrelevant(reason) => return Ok(Reading::Irrelevant(reason)),
    };
    let charge = envelope.data.object;
    Ok(match charge.payment_intent {
        Some(payment) if charge.refunded && charge.invoice.is_none() => {
            Reading::Refunded(payment.into_id())
        }
        _ => Reading::Irrelevant(format!("{} is no order that was refunded", charge.id)),
    })
}

/// An event of the mode that the handler acts on, with its object; or the reason why the event
/// concerns no order.
enum Found<T> {
    Event(StripeEvent<T>),
    Irrelevant(String),
}

/// Reads an event in either of Stripe's forms.
fn found<T: DeserializeOwned>(event: &Event) -> Result<Found<T>, Error> {
    Ok(match stripe::read::<T>(event)? {
        stripe::Reading::Found(envelope) => match envelope.other_mode()? {
            Some(reason) => Found::Irrelevant(reason),
            None => Found::Event(envelope),
        },
        stripe::Reading::Gone(envelope) => {
            let object = event.subject.as_deref().unwrap_or("its object");
            let gone = format!("{}: Stripe no longer has {object}", envelope.id);
            Found::Irrelevant(envelope.other_mode()?.unwrap_or(gone))
        }
    })
}

/// Returns the scope of the event's order ids: the account and the mode.
fn scope<T>(event: &StripeEvent<T>) -> String {
    let account = event.account.as_deref().unwrap_or("-");
    match event.livemode {
        Some(false) => format!("test-{account}"),
        _ => account.into(),
    }
}

/// Returns a JSON value without whitespace between its parts and without needless escapes, with its
/// fields in their order. So the bytes of a request do not depend on how the provider writes JSON.
fn compact(value: Box<RawValue>) -> Box<RawValue> {
    let mut bytes = Vec::new();
    let mut from = serde_json::Deserializer::from_str(value.get());
    let written =
        serde_transcode::transcode(&mut from, &mut serde_json::Serializer::new(&mut bytes));
    let text = written.ok().and_then(|()| String::from_utf8(bytes).ok());
    text.and_then(|text| RawValue::from_string(text).ok())
        .unwrap_or(value)
}

/// Returns the trimmed text; `None` if nothing is left of it.
fn present(text: Option<String>) -> Option<String> {
    text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

/// Reads a text. A number or a flag counts as the text that it is written as.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(value) = Option::<Box<RawValue>>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match value.get() {
        json if json.starts_with(['{', '[']) => Err(D::Error::custom("a text was expected")),
        json if json.starts_with('"') => serde_json::from_str(json).map_err(D::Error::custom),
        json => Ok(Some(json.into())),
    }
}
