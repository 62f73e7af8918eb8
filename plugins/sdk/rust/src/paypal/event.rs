//! The envelope of PayPal's events.

use serde::Deserialize;

/// An event of PayPal. `T` is the type of `resource`: [`Capture`](super::Capture) for
/// `PAYMENT.CAPTURE.COMPLETED`, [`Refund`](super::Refund) for `PAYMENT.CAPTURE.REFUNDED`, and so
/// on. `resource_type` and `resource_version` say which one it is.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct PayPalEvent<T> {
    /// PayPal's id of the event, `WH-…`.
    pub id: String,
    /// The event type, such as `PAYMENT.CAPTURE.COMPLETED`.
    #[serde(rename = "event_type")]
    pub kind: String,
    /// The time of the event, such as `2026-12-01T01:48:39.123Z`.
    pub create_time: Option<String>,
    /// What the resource is, such as `capture`, `refund`, `checkout-order`, `sale`.
    pub resource_type: Option<String>,
    /// The version of the resource: `2.0`, or none for resources of API v1 such as sales.
    pub resource_version: Option<String>,
    /// A sentence for people.
    pub summary: Option<String>,
    /// What the event is about.
    pub resource: T,
}
