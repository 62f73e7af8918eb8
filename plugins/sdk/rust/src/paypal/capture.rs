//! Money that was taken from a buyer.

use serde::Deserialize;

use super::Money;
use super::links::{self, Link};
use crate::lenient::null_is_default;
use crate::texts::texts;

/// The resource of `PAYMENT.CAPTURE.COMPLETED`, `.PENDING`, `.DENIED` and `.DECLINED`. The resource
/// of `PAYMENT.CAPTURE.REFUNDED` is a [`Refund`](super::Refund).
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Capture {
    /// The id.
    pub id: String,
    /// The state.
    pub status: CaptureStatus,
    /// Why the state is so, such as `PENDING_REVIEW`.
    pub status_details: Option<StatusDetails>,
    /// The amount.
    pub amount: Money,
    /// The business's invoice number.
    pub invoice_id: Option<String>,
    /// The business's own value.
    pub custom_id: Option<String>,
    /// True if no further captures of the authorisation follow.
    pub final_capture: Option<bool>,
    /// What the seller gets: not while the capture is pending.
    pub seller_receivable_breakdown: Option<SellerReceivable>,
    /// The time of creation, such as `2026-12-01T01:47:39Z`.
    pub create_time: Option<String>,
    /// The time of the last change.
    pub update_time: Option<String>,
    /// Links to the order or the authorisation, and to what can be done.
    #[serde(default, deserialize_with = "null_is_default")]
    pub links: Vec<Link>,
    supplementary_data: Option<SupplementaryData>,
}

/// Why a state is so.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct StatusDetails {
    /// PayPal's code.
    pub reason: Option<String>,
}

/// What the seller gets of a capture.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct SellerReceivable {
    /// The amount that was taken.
    pub gross_amount: Option<Money>,
    /// PayPal's fee.
    pub paypal_fee: Option<Money>,
    /// The difference.
    pub net_amount: Option<Money>,
    /// The difference in the currency of the seller's balance, if that is another one.
    pub receivable_amount: Option<Money>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(super) struct SupplementaryData {
    pub(super) related_ids: Option<RelatedIds>,
}

/// The ids of what belongs to a payment.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct RelatedIds {
    /// The order.
    pub order_id: Option<String>,
    /// The authorisation.
    pub authorization_id: Option<String>,
    /// The capture.
    pub capture_id: Option<String>,
}

texts! {
    /// The state of a capture.
    CaptureStatus {
        Completed = "COMPLETED",
        Declined = "DECLINED",
        PartiallyRefunded = "PARTIALLY_REFUNDED",
        Pending = "PENDING",
        Refunded = "REFUNDED",
        Failed = "FAILED",
    }
}

impl Capture {
    /// Returns the ids of what belongs to the capture, if the event has them. Captures inside an
    /// order have none.
    pub fn related(&self) -> Option<&RelatedIds> {
        self.supplementary_data.as_ref()?.related_ids.as_ref()
    }

    /// Returns the id of the order: `supplementary_data.related_ids.order_id`, or the link `up` to
    /// an order.
    pub fn order(&self) -> Option<&str> {
        let named = self.related().and_then(|ids| ids.order_id.as_deref());
        named.or_else(|| links::id(&self.links, "up", "orders"))
    }
}
