//! A buyer's objection to a payment.

use serde::Deserialize;

use super::Money;
use crate::lenient::{empty_is_none, null_is_default};
use crate::texts::texts;

/// The resource of `CUSTOMER.DISPUTE.CREATED`, `.UPDATED` and `.RESOLVED`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Dispute {
    /// The id, `PP-…`: the field `dispute_id`.
    #[serde(rename = "dispute_id")]
    pub id: String,
    /// The state.
    pub status: DisputeStatus,
    /// Why the buyer objects, such as `MERCHANDISE_OR_SERVICE_NOT_RECEIVED`.
    pub reason: Option<String>,
    /// The disputed amount.
    pub dispute_amount: Option<Money>,
    /// How far the dispute is: `INQUIRY`, `CHARGEBACK`, `PRE_ARBITRATION`, `ARBITRATION`.
    pub dispute_life_cycle_stage: Option<String>,
    /// Where the buyer objected: `INTERNAL` (PayPal) or `EXTERNAL` (the bank).
    pub dispute_channel: Option<String>,
    /// How the dispute ended.
    pub dispute_outcome: Option<DisputeOutcome>,
    /// The disputed payments.
    #[serde(default, deserialize_with = "null_is_default")]
    pub disputed_transactions: Vec<DisputedTransaction>,
    /// Until when the seller may answer, such as `2026-12-11T01:47:39Z`.
    pub seller_response_due_date: Option<String>,
    /// The time of creation.
    pub create_time: Option<String>,
    /// The time of the last change.
    pub update_time: Option<String>,
}

/// A payment that a buyer disputes.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct DisputedTransaction {
    /// The seller's id of the payment: of the capture or the sale.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub seller_transaction_id: Option<String>,
    /// The buyer's id of the payment.
    pub buyer_transaction_id: Option<String>,
    /// The business's invoice number.
    pub invoice_number: Option<String>,
    /// The business's own value.
    pub custom: Option<String>,
}

/// How a dispute ended.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct DisputeOutcome {
    /// PayPal's code, such as `RESOLVED_BUYER_FAVOUR`.
    pub outcome_code: Option<String>,
    /// What the buyer got back.
    pub amount_refunded: Option<Money>,
}

texts! {
    /// The state of a dispute.
    DisputeStatus {
        Open = "OPEN",
        WaitingForBuyerResponse = "WAITING_FOR_BUYER_RESPONSE",
        WaitingForSellerResponse = "WAITING_FOR_SELLER_RESPONSE",
        UnderReview = "UNDER_REVIEW",
        Resolved = "RESOLVED",
    }
}

impl Dispute {
    /// Returns the ids of the seller's payments that are disputed.
    pub fn payments(&self) -> impl Iterator<Item = &str> {
        let all = self.disputed_transactions.iter();
        all.filter_map(|payment| payment.seller_transaction_id.as_deref())
    }
}
