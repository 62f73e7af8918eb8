//! What the handler does to the world.

use serde_json::value::RawValue;
use tollgate_handler::prelude::*;

use crate::sighting::Money;

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
struct Told<'a> {
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

/// Asks for the receipt to be mailed, where mails are configured.
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

/// Tells the other handlers.
pub(crate) fn tell(kind: &str, order: &str, payment: &str, paid: &Money) -> Result<(), Error> {
    let told = Told {
        order,
        payment,
        amount: paid.amount,
        currency: &paid.currency,
    };
    emit::event(kind).subject(order).json(&told).send()?;
    Ok(())
}
