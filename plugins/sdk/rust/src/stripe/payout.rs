//! Money on its way from Stripe to the bank.

use serde::Deserialize;

use super::Expandable;
use super::people::Metadata;
use crate::lenient::null_is_default;
use crate::texts::texts;

/// The object of `payout.…` events. The amount is in the currency's minor unit. Times are in
/// seconds since the Unix epoch.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Payout {
    /// The id, `po_…`.
    pub id: String,
    /// The state. A payout may fail after it was `paid`.
    pub status: PayoutStatus,
    /// The amount; negative if Stripe takes money from the bank.
    pub amount: i64,
    /// The currency: three small letters (ISO 4217).
    pub currency: String,
    /// When the bank should have the money.
    pub arrival_date: Option<i64>,
    /// The time of creation.
    pub created: Option<i64>,
    /// True if Stripe's schedule made the payout. Only such a payout lists what it pays.
    #[serde(default)]
    pub automatic: bool,
    /// The entry in the balance.
    pub balance_transaction: Option<Expandable>,
    /// The bank account or the card.
    pub destination: Option<Expandable>,
    /// The entry that gave the money of a failed payout back.
    pub failure_balance_transaction: Option<Expandable>,
    /// Why the payout failed, such as `account_closed`.
    pub failure_code: Option<String>,
    /// The reason in a sentence for people.
    pub failure_message: Option<String>,
    /// `standard` or `instant`.
    pub method: Option<String>,
    /// The payout that this one reverses.
    pub original_payout: Option<Expandable>,
    /// The payout that reverses this one.
    pub reversed_by: Option<Expandable>,
    /// The text on the bank's statement.
    pub statement_descriptor: Option<String>,
    /// The bank's number of the transfer: since 2025-02-24.acacia at the latest (npm stripe
    /// 17.7.0).
    pub trace_id: Option<TraceId>,
    /// The business's own data.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
}

/// The bank's number of a transfer.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct TraceId {
    /// `pending`, `supported` or `unsupported`.
    pub status: Option<String>,
    /// The number, once the bank has told it.
    pub value: Option<String>,
}

texts! {
    /// The state of a payout.
    PayoutStatus {
        Pending = "pending",
        InTransit = "in_transit",
        Paid = "paid",
        Failed = "failed",
        Canceled = "canceled",
    }
}
