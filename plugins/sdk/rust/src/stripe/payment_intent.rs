//! A payment, from the first attempt to the money.

use serde::Deserialize;

use super::list::List;
use super::people::{Metadata, Shipping};
use super::{Expandable, told};
use crate::lenient::null_is_default;
use crate::texts::texts;

/// How the ids of invoices begin.
const INVOICE: &str = "in_";

/// The object of `payment_intent.…` events. Amounts are in the currency's minor unit.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct PaymentIntent {
    /// The id, `pi_…`.
    pub id: String,
    /// The state of the payment.
    pub status: PaymentIntentStatus,
    /// The amount to pay.
    pub amount: i64,
    /// The amount that was received.
    pub amount_received: Option<i64>,
    /// The amount that is authorised and not captured yet.
    pub amount_capturable: Option<i64>,
    /// The currency: three small letters (ISO 4217).
    pub currency: String,
    /// The time of creation: seconds since the Unix epoch.
    pub created: Option<i64>,
    /// The customer, if Stripe has one. See [`PaymentIntent::payer`].
    pub customer: Option<Expandable>,
    /// The customer as an account: since 2025-12-15.clover (npm stripe 20.1.0), with `customer:
    /// null`.
    pub customer_account: Option<String>,
    /// The text that the business or Stripe gave to the payment.
    pub description: Option<String>,
    /// The business's own data.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    /// The address for Stripe's receipt.
    pub receipt_email: Option<String>,
    /// Who receives the goods.
    pub shipping: Option<Shipping>,
    /// Why the last attempt failed.
    pub last_payment_error: Option<PaymentError>,
    /// Why the payment was cancelled, such as `abandoned`.
    pub cancellation_reason: Option<String>,
    #[serde(default, deserialize_with = "told")]
    invoice: Option<Option<Expandable>>,
    payment_details: Option<PaymentDetails>,
    latest_charge: Option<Expandable>,
    charges: Option<List<Expandable>>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct PaymentDetails {
    order_reference: Option<String>,
}

/// Why an attempt to pay failed.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct PaymentError {
    /// Stripe's code, such as `card_declined`.
    pub code: Option<String>,
    /// The issuer's reason, such as `insufficient_funds`.
    pub decline_code: Option<String>,
    /// A sentence for people.
    pub message: Option<String>,
}

texts! {
    /// The state of a payment intent.
    PaymentIntentStatus {
        RequiresPaymentMethod = "requires_payment_method",
        RequiresConfirmation = "requires_confirmation",
        RequiresAction = "requires_action",
        Processing = "processing",
        RequiresCapture = "requires_capture",
        Canceled = "canceled",
        Succeeded = "succeeded",
    }
}

impl PaymentIntent {
    /// Returns the id of the invoice that the payment pays.
    ///
    /// | API version | Field |
    /// |---|---|
    /// | before 2025-03-31.basil (npm stripe 18.0.0) | `invoice` |
    /// | until 2025-10-29.clover (npm stripe 19.2.0) | none |
    /// | since then | `payment_details.order_reference`, if it begins with `in_` |
    ///
    /// `None`: the event does not say whether there is an invoice. `Some(None)`: there is none.
    /// Only the older versions say that. A reference such as `cs_…` is no "no": the first payment
    /// of a subscription that begins at the checkout has one, and pays an invoice.
    pub fn invoice(&self) -> Option<Option<&str>> {
        if let Some(invoice) = &self.invoice {
            return Some(invoice.as_ref().map(Expandable::id));
        }
        let reference = self.order_reference()?;
        reference.starts_with(INVOICE).then_some(Some(reference))
    }

    /// Returns `payment_details.order_reference`, which Stripe or the business sets since
    /// 2025-10-29.clover: an invoice, a checkout session, a product, or the business's own value.
    pub fn order_reference(&self) -> Option<&str> {
        self.payment_details.as_ref()?.order_reference.as_deref()
    }

    /// Returns the id of the last charge: `latest_charge` since 2022-11-15 (npm stripe 11.18.0),
    /// the first of `charges` before (npm stripe 10.17.0).
    pub fn charge(&self) -> Option<&str> {
        let listed = self.charges.as_ref().and_then(|list| list.data.first());
        self.latest_charge.as_ref().or(listed).map(Expandable::id)
    }

    /// Returns the id of the customer: `cus_…` or, since 2025-12-15.clover, the account `acct_…`.
    pub fn payer(&self) -> Option<&str> {
        let customer = self.customer.as_ref().map(Expandable::id);
        customer.or(self.customer_account.as_deref())
    }
}
