//! Fulfils each order once, whichever Stripe events report that it is paid.
//!
//! Stripe reports one payment in several events: `payment_intent.succeeded` and
//! `checkout.session.completed`, and `checkout.session.async_payment_succeeded` for methods that
//! settle later. They arrive in any order, and each has data that the others lack: often only the
//! session has the order's id and the customer's e-mail address. This handler keeps the data about
//! each payment and acts as soon as they suffice:
//!
//! - it asks the warehouse to ship, once for each order;
//! - it asks for a receipt mail, once, as soon as it knows an address;
//! - it emits `order.fulfilled`.
//!
//! The order's id is `metadata.order_id` of the payment intent or of the session. If neither has
//! one, the payment intent's id is the order's id. A completed but unpaid session (bank debits,
//! manual capture) waits for its payment. A session with nothing to pay (a full discount) is
//! fulfilled under the session's own id. A second payment for a fulfilled order ships nothing and
//! emits `order.paid_twice`, because somebody has to refund it. A payment that is refunded in full
//! (`charge.refunded`) before it is fulfilled ships nothing.
//!
//! Payments of invoices are no orders, such as the renewals of subscriptions. Sessions that set up
//! a card or a subscription are no orders either. Not every API version of Stripe tells a payment
//! of an invoice from other payments (see `purpose`). If an event leaves this open, the payment
//! waits for the event of its checkout session. `metadata.order_id` on the payment intent closes
//! the question, and so does `invoices = false`.
//!
//! Thin events (`v1.payment_intent.succeeded` and so on) do as well, if their source has `resolve`
//! in the manifest. Their object may be newer than the event: a payment counts as paid if it is
//! paid by then.
//!
//! Events of Stripe's test mode ship nothing: a live endpoint receives them too, for connected
//! accounts. Order ids of the two modes never meet.
//!
//! # Config
//! | Key | Meaning |
//! |---|---|
//! | `warehouse_url` | URL to post shipping requests to; required |
//! | `warehouse` | name of the warehouse, a part of the shipping request |
//! | `mail_url` | URL to post receipt mails to; without it, there are no receipts |
//! | `order_id` | `"optional"` (the default) or `"required"` (see below) |
//! | `invoices` | `false` if the account has neither invoices nor subscriptions: every payment is an order unless the event names an invoice; `true` |
//! | `livemode` | `true` (the default): live events alone; `false`: test events alone; `"any"`: both |
//!
//! With `order_id = "required"`, a payment waits for the event with its order's id; the payment
//! intent's id never takes its place. Choose this if only the session carries `order_id`.
//!
//! # Output
//! All amounts are integers in the currency's minor unit, as at Stripe.
//! ```json
//! {"order": "A-17", "payment": "pi_1", "warehouse": "eu-1", "amount": 4200, "currency": "eur",
//!  "shipping": {…}}
//! {"template": "receipt", "to": "ada@example.com", "order": "A-17", "amount": 4200,
//!  "currency": "eur"}
//! ```
//! Shipping requests for one order go out in order: the order's id is their order key.
//! `order.fulfilled` and `order.paid_twice` carry `order`, `payment`, `amount` and `currency`.

mod effects;
mod observation;
mod orders;
mod payment;
mod purpose;
#[cfg(test)]
mod tests;

use tollgate_handler::prelude::*;

use observation::{Observation, Reading};
use payment::Payment;

tollgate_handler::handler!(handle);

fn handle(event: Event) -> Result<Outcome, Failure> {
    let reading = match stripe::kind(&event) {
        "payment_intent.succeeded" => observation::of_payment_intent(&event)?,
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            observation::of_session(&event)?
        }
        "charge.refunded" => observation::of_refund(&event)?,
        other => return ignored(format!("{other} reports no payment")),
    };
    match reading {
        Reading::Observed(observation) => act(observation),
        Reading::Refunded(payment) => refund(&payment),
        Reading::Irrelevant(reason) => ignored(reason),
    }
}

/// Notes that a payment was refunded in full.
fn refund(id: &str) -> Result<Outcome, Failure> {
    let key = key(id);
    let mut payment: Payment = state::get(&key)?.unwrap_or_default();
    let reason = payment.refund();
    state::set(&key, &payment)?;
    ignored(format!("{id} was refunded {reason}"))
}

fn key(payment: &str) -> String {
    format!("payment/{payment}")
}

/// Adds the observation to the data about its payment, then acts on them.
fn act(observation: Observation) -> Result<Outcome, Failure> {
    let key = key(&observation.payment);
    let mut payment: Payment = state::get(&key)?.unwrap_or_default();
    payment.learn(&observation);
    let outcome = payment.advance(&observation)?;
    state::set(&key, &payment)?;
    Ok(outcome)
}
