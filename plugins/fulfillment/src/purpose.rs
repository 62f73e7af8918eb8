//! The purpose of a payment: an order, or an invoice such as that of a subscription's renewal.
//!
//! No field says so in all API versions (see `docs/stripe-fields.md`), and an absent
//! field says nothing: only a field that is there and `null` says "none".
//!
//! - Before 2025-03-31 a payment intent has `invoice`, which is `null` for other payments.
//! - Since 2025-10-29 Stripe writes the invoice's id into `payment_details.order_reference`. At the
//!   checkout Stripe writes the id of the session or of the product there, for the first payment of
//!   a subscription too: only the session's own event tells which.
//! - In between, an event may name neither.

use tollgate_handler::prelude::*;
use tollgate_handler::stripe::told;

/// The descriptions that Stripe gives to the payments of invoices.
const OF_INVOICES: [&str; 3] = [
    "Subscription creation",
    "Subscription update",
    "Payment for Invoice",
];

/// The purpose of a payment.
pub(crate) enum Purpose {
    /// The payment is for an order.
    Order,
    /// The payment is for an invoice. The text names the invoice.
    Invoice(String),
    /// The event leaves open what the payment is for.
    Open,
}

/// The fields of a payment intent that tell its purpose. See [`told`] for the two levels.
pub(crate) struct Clues {
    /// The invoice. Only API versions before 2025-03-31 have this field.
    pub(crate) invoice: Option<Option<Expandable>>,
    /// References to other objects. API versions since 2025-10-29 have this field.
    pub(crate) payment_details: Option<PaymentDetails>,
    pub(crate) customer: Option<Option<Expandable>>,
    /// The customer, if an account is the customer. API versions since 2025-12-15 have this field.
    pub(crate) customer_account: Option<Expandable>,
    pub(crate) description: Option<String>,
}

/// The field `payment_details` of a payment intent.
#[derive(Deserialize)]
pub(crate) struct PaymentDetails {
    #[serde(default, deserialize_with = "told")]
    order_reference: Option<Option<String>>,
}

impl Clues {
    /// Returns the purpose of the payment. `named` means that the payment intent has an order id.
    pub(crate) fn purpose(&self, named: bool) -> Purpose {
        let reference = self.payment_details.as_ref();
        let reference = reference.and_then(|details| details.order_reference.as_ref());
        let text = reference.and_then(|text| text.as_deref());
        match (&self.invoice, text) {
            (Some(Some(invoice)), _) => {
                return Purpose::Invoice(format!("the invoice {}", invoice.id()));
            }
            (Some(None), _) => return Purpose::Order,
            (None, Some(id)) if id.starts_with("in_") => {
                return Purpose::Invoice(format!("the invoice {id}"));
            }
            (None, _) => {}
        }
        if let Some(description) = &self.description
            && OF_INVOICES.contains(&description.as_str())
        {
            return Purpose::Invoice(format!("an invoice ({description:?})"));
        }
        let of_a_session = text.is_some_and(|id| id.starts_with("cs_") || id.starts_with("prod_"));
        if named || self.has_no_customer() || (reference.is_some() && !of_a_session) {
            Purpose::Order
        } else {
            Purpose::Open
        }
    }

    /// Returns true if the payment has no customer. Each invoice and each subscription has one.
    fn has_no_customer(&self) -> bool {
        matches!(self.customer, Some(None)) && self.customer_account.is_none()
    }
}
