//! A visit to Stripe's payment page.

use serde::Deserialize;

use super::Expandable;
use super::people::{Details, Metadata, Shipping};
use crate::lenient::null_is_default;
use crate::texts::texts;

/// The object of `checkout.session.…` events. Amounts are in the currency's minor unit.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct CheckoutSession {
    /// The id, `cs_…`.
    pub id: String,
    /// What the customer does there.
    pub mode: CheckoutMode,
    /// Whether the money is there. `checkout.session.completed` comes with `unpaid` too.
    pub payment_status: CheckoutPaymentStatus,
    /// Whether the visit has ended.
    pub status: Option<CheckoutStatus>,
    /// The payment; none in other modes, or with nothing to pay.
    pub payment_intent: Option<Expandable>,
    /// The subscription that begins here.
    pub subscription: Option<Expandable>,
    /// The invoice that the visit made.
    pub invoice: Option<Expandable>,
    /// The amount with taxes, shipping and discounts.
    pub amount_total: Option<i64>,
    /// The amount without them.
    pub amount_subtotal: Option<i64>,
    /// The parts of the difference.
    pub total_details: Option<TotalDetails>,
    /// The currency: three small letters (ISO 4217).
    pub currency: Option<String>,
    /// The time of creation: seconds since the Unix epoch.
    pub created: Option<i64>,
    /// The business's own id of the order or the cart.
    pub client_reference_id: Option<String>,
    /// The business's own data. The payment intent has its own.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    /// The customer, if Stripe has one. See [`CheckoutSession::payer`].
    pub customer: Option<Expandable>,
    /// The customer as an account: since 2025-12-15.clover (npm stripe 20.1.0).
    pub customer_account: Option<String>,
    /// What the customer told.
    pub customer_details: Option<Details>,
    customer_email: Option<String>,
    collected_information: Option<Collected>,
    shipping_details: Option<Shipping>,
}

/// The parts of a session's total. Amounts are in the currency's minor unit.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct TotalDetails {
    /// The discounts.
    pub amount_discount: Option<i64>,
    /// The shipping.
    pub amount_shipping: Option<i64>,
    /// The taxes.
    pub amount_tax: Option<i64>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Collected {
    shipping_details: Option<Shipping>,
}

texts! {
    /// What the customer does at the checkout.
    CheckoutMode {
        Payment = "payment",
        Setup = "setup",
        Subscription = "subscription",
    }
}

texts! {
    /// Whether a checkout session is paid.
    CheckoutPaymentStatus {
        Paid = "paid",
        /// The payment method is slow, or the payment failed.
        Unpaid = "unpaid",
        /// There is nothing to pay now, such as in a trial.
        NoPaymentRequired = "no_payment_required",
    }
}

texts! {
    /// Whether the visit has ended.
    CheckoutStatus {
        Open = "open",
        Complete = "complete",
        Expired = "expired",
    }
}

impl CheckoutSession {
    /// Returns where to ship to: `collected_information.shipping_details` since 2025-02-24.acacia
    /// (npm stripe 17.7.0), `shipping_details` before 2025-03-31.basil (npm stripe 18.0.0).
    pub fn shipping(&self) -> Option<&Shipping> {
        let collected = self.collected_information.as_ref();
        let collected = collected.and_then(|collected| collected.shipping_details.as_ref());
        collected.or(self.shipping_details.as_ref())
    }

    /// Returns the customer's e-mail address: what the customer typed or, without that, what the
    /// business gave.
    pub fn email(&self) -> Option<&str> {
        let typed = self.customer_details.as_ref();
        let typed = typed.and_then(|details| details.email.as_deref());
        typed.or(self.customer_email.as_deref())
    }

    /// Returns true if the customer owes nothing for this visit.
    pub fn is_settled(&self) -> bool {
        use CheckoutPaymentStatus::{NoPaymentRequired, Paid};
        matches!(self.payment_status, Paid | NoPaymentRequired)
    }

    /// Returns the id of the customer: `cus_…` or, since 2025-12-15.clover, the account `acct_…`.
    pub fn payer(&self) -> Option<&str> {
        let customer = self.customer.as_ref().map(Expandable::id);
        customer.or(self.customer_account.as_deref())
    }
}
