//! Fulfils each order once, whichever of Stripe's events say that it is paid.
//!
//! Stripe tells of one payment in several events: `payment_intent.succeeded` and
//! `checkout.session.completed`, for methods that settle later also
//! `checkout.session.async_payment_succeeded`. They come in any order, and each
//! knows something that another does not: often only the session names the order
//! and the customer's e-mail address. This handler keeps what it has heard of each
//! payment, and acts as soon as it has heard enough:
//!
//! - it asks the warehouse to ship, once for each order;
//! - it has a receipt mailed, once, as soon as an address is known;
//! - it emits `order.fulfilled`.
//!
//! The order is named by `metadata.order_id` of the payment intent or of the
//! session. Where neither has one, the payment intent's id names it. A session
//! that is completed but unpaid (bank debits, manual capture) is noted and waits for
//! its payment; one without anything to pay (a full discount) is fulfilled by its own id.
//! Sessions that set up a card or a subscription are no orders, nor are payments
//! of invoices. A second payment for an order that another payment has fulfilled
//! ships nothing and emits `order.paid_twice`, since somebody has to refund it.
//!
//! # Config
//! | Key | Meaning |
//! |---|---|
//! | `warehouse_url` | where shipping requests are posted; needed |
//! | `warehouse` | which warehouse is to ship; part of the request |
//! | `mail_url` | where receipt mails are requested; without it there are none |
//! | `order_id` | `"optional"`, the default, or `"required"`: a payment then waits for the event that names its order, rather than go by the payment intent's id. Choose this where only the session carries `order_id` |
//!
//! # What goes out
//! All amounts are integers in the currency's minor unit, as Stripe has them.
//! ```json
//! {"order": "A-17", "payment": "pi_1", "warehouse": "eu-1", "amount": 4200, "currency": "eur", "shipping": {…}}
//! {"template": "receipt", "to": "ada@example.com", "order": "A-17", "amount": 4200, "currency": "eur"}
//! ```
//! Shipping requests for one order go out in order, by the order's id as ordering key.
//! `order.fulfilled` and `order.paid_twice` carry `order`, `payment`, `amount` and `currency`.

mod effects;
mod payment;
mod sighting;
#[cfg(test)]
mod tests;

use tollgate_handler::prelude::*;

use payment::Payment;
use sighting::Sighting;

tollgate_handler::handler!(handle);

fn handle(event: Event) -> Result<Outcome, Failure> {
    let sighting = match event.kind.as_str() {
        "payment_intent.succeeded" => sighting::of_payment_intent(&event)?,
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            sighting::of_session(&event)?
        }
        other => return ignored(format!("{other} says nothing of a payment")),
    };
    match sighting {
        Ok(sighting) => act(sighting),
        Err(reason) => ignored(reason),
    }
}

/// Adds what was heard to what is known of the payment, and acts upon it.
fn act(sighting: Sighting) -> Result<Outcome, Failure> {
    let key = format!("payment/{}", sighting.payment);
    let mut payment: Payment = state::get(&key)?.unwrap_or_default();
    payment.learn(&sighting);
    let outcome = payment.advance(&sighting)?;
    state::set(&key, &payment)?;
    Ok(outcome)
}
