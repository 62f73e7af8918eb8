//! Money that goes back to the customer.

use serde::Deserialize;

use super::Expandable;
use super::people::Metadata;
use crate::lenient::null_is_default;
use crate::texts::texts;

/// The object of `refund.…` and `charge.refund.updated`. The amount is in the currency's minor
/// unit.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Refund {
    /// The id, `re_…` or `pyr_…`.
    pub id: String,
    /// The state. A refund may fail days after it was made.
    pub status: Option<RefundStatus>,
    /// The amount of this refund alone.
    pub amount: i64,
    /// The currency: three small letters (ISO 4217).
    pub currency: String,
    /// The time of creation: seconds since the Unix epoch.
    pub created: Option<i64>,
    /// The charge that is refunded.
    pub charge: Option<Expandable>,
    /// The payment that is refunded.
    pub payment_intent: Option<Expandable>,
    /// The entry in the balance.
    pub balance_transaction: Option<Expandable>,
    /// Why the money goes back, such as `requested_by_customer`.
    pub reason: Option<String>,
    /// Why the refund failed, such as `lost_or_stolen_card`.
    pub failure_reason: Option<String>,
    /// What the refund waits for: since 2025-08-27.basil at the latest (npm stripe 18.5.0).
    pub pending_reason: Option<String>,
    /// The customer: since 2026-09-30.endive (npm stripe 23.0.0).
    pub customer: Option<Expandable>,
    /// The number on the receipt.
    pub receipt_number: Option<String>,
    /// The business's own data.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
}

texts! {
    /// The state of a refund.
    RefundStatus {
        Pending = "pending",
        RequiresAction = "requires_action",
        Succeeded = "succeeded",
        Failed = "failed",
        Canceled = "canceled",
    }
}
