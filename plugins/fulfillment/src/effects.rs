//! The effects of the handler: the shipping request, the receipt mail, events.

use serde_json::value::RawValue;
use tollgate_handler::prelude::*;

use crate::observation::Money;

#[derive(Serialize)]
struct Shipping<'a> {
    order: &'a str,
    payment: &'a str,
    warehouse: Option<String>,
    amount: i64,
    currency: &'a str,
    shipping: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Receipt<'a> {
    template: &'a str,
    to: &'a str,
    order: &'a str,
    amount: i64,
    currency: &'a str,
}

#[derive(Serialize)]
struct OrderEvent<'a> {
    order: &'a str,
    payment: &'a str,
    amount: i64,
    currency: &'a str,
}

/// Asks the warehouse to ship.
pub(crate) fn ship(
    order: &str,
    payment: &str,
    paid: &Money,
    shipping: Option<&RawValue>,
) -> Result<(), Error> {
    let request = Shipping {
        order,
        payment,
        warehouse: config::get("warehouse"),
        amount: paid.amount,
        currency: &paid.currency,
        shipping,
    };
    let url = config::require("warehouse_url")?;
    outbox::post(url).json(&request).order_key(order).send()?;
    Ok(())
}

/// Asks the mail service to send the receipt, if `mail_url` is configured.
pub(crate) fn mail_receipt(to: &str, order: &str, paid: &Money) -> Result<(), Error> {
    let Some(url) = config::get("mail_url") else {
        return Ok(());
    };
    let receipt = Receipt {
        template: "receipt",
        to,
        order,
        amount: paid.amount,
        currency: &paid.currency,
    };
    outbox::post(url).json(&receipt).send()?;
    Ok(())
}

/// Emits an event about the order for other handlers.
pub(crate) fn emit_event(
    kind: &str,
    order: &str,
    payment: &str,
    paid: &Money,
) -> Result<(), Error> {
    let payload = OrderEvent {
        order,
        payment,
        amount: paid.amount,
        currency: &paid.currency,
    };
    emit::event(kind).subject(order).json(&payload).send()?;
    Ok(())
}
