//! A cardholder's objection to a charge.

use serde::Deserialize;

use super::Expandable;
use super::people::Metadata;
use crate::lenient::null_is_default;
use crate::texts::texts;

/// The object of `charge.dispute.…` events. Amounts are in the currency's minor unit.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Dispute {
    /// The id, `du_…` or `dp_…`.
    pub id: String,
    /// The state.
    pub status: DisputeStatus,
    /// The disputed amount, which may be less than the charge.
    pub amount: i64,
    /// The currency: three small letters (ISO 4217).
    pub currency: String,
    /// The time of creation: seconds since the Unix epoch.
    pub created: Option<i64>,
    /// The charge.
    pub charge: Option<Expandable>,
    /// The payment.
    pub payment_intent: Option<Expandable>,
    /// Why the cardholder objects, such as `fraudulent`.
    pub reason: Option<String>,
    /// True if a refund of the charge ends the dispute.
    #[serde(default)]
    pub is_charge_refundable: bool,
    /// Until when the business may answer.
    pub evidence_details: Option<EvidenceDetails>,
    /// What the dispute took from the balance and gave back.
    #[serde(default, deserialize_with = "null_is_default")]
    pub balance_transactions: Vec<BalanceTransaction>,
    /// The business's own data.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    network_reason_code: Option<String>,
    payment_method_details: Option<PaymentMethodDetails>,
}

/// The state of the evidence. Times are in seconds since the Unix epoch.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct EvidenceDetails {
    /// Until when the business may answer; none if the time is over.
    pub due_by: Option<i64>,
    /// True if there is evidence.
    #[serde(default)]
    pub has_evidence: bool,
    /// True if the time is over.
    #[serde(default)]
    pub past_due: bool,
    /// How often evidence was sent.
    pub submission_count: Option<u32>,
}

/// An entry in Stripe's balance. Amounts are in the minor unit of the entry's currency.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct BalanceTransaction {
    /// The id, `txn_…`.
    pub id: String,
    /// The amount; negative if the balance falls.
    pub amount: i64,
    /// The fee.
    pub fee: Option<i64>,
    /// The amount less the fee.
    pub net: Option<i64>,
    /// The currency: three small letters (ISO 4217).
    pub currency: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct PaymentMethodDetails {
    card: Option<Card>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Card {
    network_reason_code: Option<String>,
}

texts! {
    /// The state of a dispute. `warning_…` is an inquiry: no money was taken.
    DisputeStatus {
        WarningNeedsResponse = "warning_needs_response",
        WarningUnderReview = "warning_under_review",
        WarningClosed = "warning_closed",
        NeedsResponse = "needs_response",
        UnderReview = "under_review",
        /// Gone from the types since npm stripe 13.0.0 (2023-08-16).
        ChargeRefunded = "charge_refunded",
        Won = "won",
        Lost = "lost",
        /// Since 2025-09-30.clover (npm stripe 19.0.0).
        Prevented = "prevented",
        /// Since npm stripe 23.1.0 (2026-10-28.endive).
        AppealNeedsResponse = "appeal_needs_response",
        /// Since npm stripe 23.1.0 (2026-10-28.endive).
        AppealUnderReview = "appeal_under_review",
    }
}

impl Dispute {
    /// Returns the card network's reason, such as `10.4`:
    /// `payment_method_details.card.network_reason_code` since 2023-10-16 (npm stripe 14.0.0),
    /// `network_reason_code` before and, for some payment methods, until now.
    pub fn network_reason(&self) -> Option<&str> {
        let details = self.payment_method_details.as_ref();
        let card = details.and_then(|details| details.card.as_ref());
        let moved = card.and_then(|card| card.network_reason_code.as_deref());
        moved.or(self.network_reason_code.as_deref())
    }
}
