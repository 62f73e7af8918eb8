//! Money that goes back to a buyer.

use serde::Deserialize;

use super::Money;
use super::capture::{StatusDetails, SupplementaryData};
use super::links::{self, Link};
use crate::lenient::{empty_is_none, null_is_default};
use crate::texts::texts;

/// The resource of `PAYMENT.CAPTURE.REFUNDED` and, in the shape of API v1, of
/// `PAYMENT.SALE.REFUNDED`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Refund {
    /// The id of the refund, and not of what is refunded.
    pub id: String,
    /// The state; `state` in API v1.
    #[serde(alias = "state")]
    pub status: Option<RefundStatus>,
    /// Why the state is so.
    pub status_details: Option<StatusDetails>,
    /// The amount of this refund alone. API v1 has sent it with a minus and without:
    /// [`Money::size`] is the same for both.
    pub amount: Money,
    /// The business's invoice number; `invoice_number` in API v1.
    #[serde(default, alias = "invoice_number", deserialize_with = "empty_is_none")]
    pub invoice_id: Option<String>,
    /// The business's own value; `custom` in API v1.
    #[serde(alias = "custom")]
    pub custom_id: Option<String>,
    /// The text for the buyer.
    pub note_to_payer: Option<String>,
    /// What the seller pays.
    pub seller_payable_breakdown: Option<SellerPayable>,
    /// The time of creation, such as `2026-12-01T01:47:39Z`.
    pub create_time: Option<String>,
    /// The time of the last change.
    pub update_time: Option<String>,
    /// Links to what is refunded.
    #[serde(default, deserialize_with = "null_is_default")]
    pub links: Vec<Link>,
    supplementary_data: Option<SupplementaryData>,
    capture_id: Option<String>,
    sale_id: Option<String>,
}

/// What a refund costs the seller.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct SellerPayable {
    /// The amount that goes back.
    pub gross_amount: Option<Money>,
    /// The fee that PayPal gives back.
    pub paypal_fee: Option<Money>,
    /// The difference.
    pub net_amount: Option<Money>,
    /// The amount of all refunds of the capture so far.
    pub total_refunded_amount: Option<Money>,
}

texts! {
    /// The state of a refund. API v1 writes small letters.
    RefundStatus {
        Completed = "COMPLETED" | "completed",
        Pending = "PENDING" | "pending",
        Failed = "FAILED" | "failed",
        Cancelled = "CANCELLED" | "cancelled",
    }
}

impl Refund {
    /// Returns the id of the capture that is refunded: `supplementary_data.related_ids.capture_id`,
    /// `capture_id` (API v1), or the link `up` to a capture. The types of API v2 have the link
    /// alone.
    pub fn capture(&self) -> Option<&str> {
        let data = self.supplementary_data.as_ref();
        let ids = data.and_then(|data| data.related_ids.as_ref());
        let named = ids.and_then(|ids| ids.capture_id.as_deref());
        named
            .or(self.capture_id.as_deref())
            .or_else(|| links::id(&self.links, "up", "captures"))
            .or_else(|| links::id(&self.links, "up", "capture"))
    }

    /// Returns the id of the sale that is refunded (API v1): `sale_id`, or the link `sale`.
    pub fn sale(&self) -> Option<&str> {
        let named = self.sale_id.as_deref();
        named.or_else(|| links::id(&self.links, "sale", "sale"))
    }
}
