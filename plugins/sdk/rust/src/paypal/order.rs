//! What a buyer agreed to pay.

use serde::Deserialize;

use super::{Capture, Money, Refund};
use crate::lenient::null_is_default;
use crate::texts::texts;

/// The resource of `CHECKOUT.ORDER.APPROVED` and `CHECKOUT.ORDER.COMPLETED`. An approved order is
/// not paid: the business has to capture the money.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Order {
    /// The id.
    pub id: String,
    /// The state.
    pub status: OrderStatus,
    /// `CAPTURE` or `AUTHORIZE`.
    pub intent: Option<String>,
    /// What is paid, one unit for each receiver of money.
    #[serde(default, deserialize_with = "null_is_default")]
    pub purchase_units: Vec<PurchaseUnit>,
    /// The time of creation, such as `2026-12-01T01:47:39Z`.
    pub create_time: Option<String>,
    /// The time of the last change.
    pub update_time: Option<String>,
    payer: Option<Payer>,
    payment_source: Option<PaymentSource>,
}

/// A part of an order.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct PurchaseUnit {
    /// The business's name of the part; `default` if there is one part.
    pub reference_id: Option<String>,
    /// The amount.
    pub amount: Option<Money>,
    /// The business's own value.
    pub custom_id: Option<String>,
    /// The business's invoice number.
    pub invoice_id: Option<String>,
    payments: Option<Payments>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Payments {
    #[serde(default, deserialize_with = "null_is_default")]
    captures: Vec<Capture>,
    #[serde(default, deserialize_with = "null_is_default")]
    refunds: Vec<Refund>,
}

/// The buyer.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Payer {
    /// PayPal's id of the buyer; `account_id` in `payment_source`.
    #[serde(alias = "account_id")]
    pub payer_id: Option<String>,
    /// The e-mail address.
    pub email_address: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct PaymentSource {
    paypal: Option<Payer>,
}

texts! {
    /// The state of an order.
    OrderStatus {
        Created = "CREATED",
        Saved = "SAVED",
        Approved = "APPROVED",
        Voided = "VOIDED",
        Completed = "COMPLETED",
        PayerActionRequired = "PAYER_ACTION_REQUIRED",
    }
}

impl Order {
    /// Returns the buyer: `payment_source.paypal`, or `payer`, which PayPal's library calls
    /// deprecated (PyPI paypal-server-sdk 2.4.0).
    pub fn payer(&self) -> Option<&Payer> {
        let source = self.payment_source.as_ref();
        source
            .and_then(|source| source.paypal.as_ref())
            .or(self.payer.as_ref())
    }
}

impl PurchaseUnit {
    /// Returns the captures of the part.
    pub fn captures(&self) -> &[Capture] {
        self.payments.as_ref().map_or(&[], |p| &p.captures)
    }

    /// Returns the refunds of the part.
    pub fn refunds(&self) -> &[Refund] {
        self.payments.as_ref().map_or(&[], |p| &p.refunds)
    }
}
