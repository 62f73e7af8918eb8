//! A subscription at PayPal.

use serde::Deserialize;

use super::Money;
use crate::texts::texts;

/// The resource of `BILLING.SUBSCRIPTION.…`. Its payments come as [`Sale`](super::Sale).
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Subscription {
    /// The id, `I-…`.
    pub id: String,
    /// The state. It stays `ACTIVE` after a failed payment.
    pub status: SubscriptionStatus,
    /// The plan, `P-…`.
    pub plan_id: Option<String>,
    /// The business's own value.
    pub custom_id: Option<String>,
    /// How many are subscribed, as PayPal writes it: a text.
    pub quantity: Option<String>,
    /// Who subscribed.
    pub subscriber: Option<Subscriber>,
    /// The payments so far.
    pub billing_info: Option<BillingInfo>,
    /// When the subscription begins, such as `2026-12-01T01:47:39Z`.
    pub start_time: Option<String>,
    /// The time of creation.
    pub create_time: Option<String>,
    /// The time of the last change.
    pub update_time: Option<String>,
    /// Why the state changed, in the words of whoever changed it.
    pub status_change_note: Option<String>,
    /// When the state changed.
    pub status_update_time: Option<String>,
}

/// Who subscribed.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Subscriber {
    /// PayPal's id of the subscriber.
    pub payer_id: Option<String>,
    /// The e-mail address.
    pub email_address: Option<String>,
}

/// The payments of a subscription so far.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct BillingInfo {
    /// The amount that is owed.
    pub outstanding_balance: Option<Money>,
    /// How many payments failed in a row.
    pub failed_payments_count: Option<u32>,
    /// The last payment.
    pub last_payment: Option<LastPayment>,
    /// The last payment that failed.
    pub last_failed_payment: Option<FailedPayment>,
    /// When the next payment is due.
    pub next_billing_time: Option<String>,
    /// When the last payment is due.
    pub final_payment_time: Option<String>,
}

/// A payment of a subscription.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct LastPayment {
    /// The amount.
    pub amount: Option<Money>,
    /// The time, such as `2026-12-01T01:47:39Z`.
    pub time: Option<String>,
}

/// A payment of a subscription that failed.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct FailedPayment {
    /// The amount.
    pub amount: Option<Money>,
    /// The time, such as `2026-12-01T01:47:39Z`.
    pub time: Option<String>,
    /// Why, such as `PAYMENT_DENIED`.
    pub reason_code: Option<String>,
    /// When PayPal tries again; none if PayPal tries no more.
    pub next_payment_retry_time: Option<String>,
}

texts! {
    /// The state of a subscription.
    SubscriptionStatus {
        ApprovalPending = "APPROVAL_PENDING",
        Approved = "APPROVED",
        Active = "ACTIVE",
        Suspended = "SUSPENDED",
        Cancelled = "CANCELLED",
        Expired = "EXPIRED",
    }
}
