//! An attempt to take money.

use serde::Deserialize;

use super::list::List;
use super::people::{Details, Metadata, Shipping};
use super::refund::Refund;
use super::{Expandable, told};
use crate::lenient::null_is_default;
use crate::texts::texts;

/// The object of `charge.…` events, but for `charge.dispute.…` and `charge.refund.…`. Amounts are
/// in the currency's minor unit.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Charge {
    /// The id, `ch_…` or `py_…`.
    pub id: String,
    /// The state.
    pub status: Option<ChargeStatus>,
    /// The amount.
    pub amount: i64,
    /// The amount that was captured.
    pub amount_captured: Option<i64>,
    /// The amount that was refunded so far, of all refunds.
    pub amount_refunded: Option<i64>,
    /// The currency: three small letters (ISO 4217).
    pub currency: String,
    /// The time of creation: seconds since the Unix epoch.
    pub created: Option<i64>,
    /// True if the charge has succeeded or is authorised.
    #[serde(default)]
    pub paid: bool,
    /// True if the charge is captured.
    #[serde(default)]
    pub captured: bool,
    /// True if all of the charge was refunded. `charge.refunded` comes for parts too.
    #[serde(default)]
    pub refunded: bool,
    /// True if the charge was disputed.
    #[serde(default)]
    pub disputed: bool,
    /// The payment.
    pub payment_intent: Option<Expandable>,
    /// The entry in the balance, which has the fees.
    pub balance_transaction: Option<Expandable>,
    /// The customer, if Stripe has one.
    pub customer: Option<Expandable>,
    /// What the customer told.
    pub billing_details: Option<Details>,
    /// Who receives the goods.
    pub shipping: Option<Shipping>,
    /// The text that the business or Stripe gave to the charge.
    pub description: Option<String>,
    /// Why the charge failed, such as `card_declined`.
    pub failure_code: Option<String>,
    /// The reason in a sentence for people.
    pub failure_message: Option<String>,
    /// The address for Stripe's receipt.
    pub receipt_email: Option<String>,
    /// Stripe's page with the receipt.
    pub receipt_url: Option<String>,
    /// The business's own data.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    /// The refunds, newest first. API versions since 2022-11-15 have no refunds in a charge; the
    /// types say so since npm stripe 16.0.0. Use `refund.created` for the single refund.
    pub refunds: Option<List<Refund>>,
    #[serde(default, deserialize_with = "told")]
    invoice: Option<Option<Expandable>>,
}

texts! {
    /// The state of a charge.
    ChargeStatus {
        Succeeded = "succeeded",
        Pending = "pending",
        Failed = "failed",
    }
}

impl Charge {
    /// Returns the id of the invoice that the charge pays: `invoice` before 2025-03-31.basil (npm
    /// stripe 18.0.0), nothing since then.
    ///
    /// `None`: the event does not say whether there is an invoice. `Some(None)`: there is none.
    pub fn invoice(&self) -> Option<Option<&str>> {
        let invoice = self.invoice.as_ref()?;
        Some(invoice.as_ref().map(Expandable::id))
    }
}
