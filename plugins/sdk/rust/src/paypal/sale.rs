//! A payment of API v1: of a subscription, or of an old integration.

use serde::Deserialize;

use super::Money;
use crate::texts::texts;

/// The resource of `PAYMENT.SALE.COMPLETED`, `.PENDING` and `.DENIED`. PayPal sends these events
/// for the payments of subscriptions too, in the shape of API v1. The resource of
/// `PAYMENT.SALE.REFUNDED` is a [`Refund`](super::Refund).
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Sale {
    /// The id.
    pub id: String,
    /// The state.
    pub state: SaleState,
    /// The amount, `amount.total`.
    pub amount: Money,
    /// PayPal's fee.
    pub transaction_fee: Option<Money>,
    /// The payment of API v1 that the sale belongs to, `PAY-…` or `PAYID-…`.
    pub parent_payment: Option<String>,
    /// The subscription that is paid, `I-…`.
    pub billing_agreement_id: Option<String>,
    /// The business's invoice number.
    pub invoice_number: Option<String>,
    /// The business's own value. Of a subscription: its `custom_id`.
    #[serde(alias = "custom_id")]
    pub custom: Option<String>,
    /// Whether the money comes at once: `INSTANT_TRANSFER`, `ECHECK`, …
    pub payment_mode: Option<String>,
    /// Why a pending sale waits.
    pub reason_code: Option<String>,
    /// When a pending sale should be there.
    pub clearing_time: Option<String>,
    /// The time of creation, such as `2026-12-01T01:47:39Z`.
    pub create_time: Option<String>,
    /// The time of the last change.
    pub update_time: Option<String>,
}

texts! {
    /// The state of a sale.
    SaleState {
        Completed = "completed",
        PartiallyRefunded = "partially_refunded",
        Pending = "pending",
        Refunded = "refunded",
        Denied = "denied",
    }
}
