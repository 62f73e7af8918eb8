//! PayPal's webhooks: the envelope, and the resources of the common events.
//!
//! ```
//! use tollgate_handler::paypal::{PayPalEvent, Refund};
//! use tollgate_handler::prelude::*;
//!
//! fn handle(event: Event) -> Result<Outcome, Failure> {
//!     let refund = event.json::<PayPalEvent<Refund>>()?.resource;
//!     let Some(capture) = refund.capture() else {
//!         return Err(reject("the refund names no capture"));
//!     };
//!     state::add(&format!("refunded/{capture}"), refund.amount.minor())?;
//!     done()
//! }
//! # let mut host = tollgate_handler::testing::Host::new();
//! # let event = tollgate_handler::testing::event("PAYMENT.CAPTURE.REFUNDED", &json!({
//! #     "id": "WH-1", "event_type": "PAYMENT.CAPTURE.REFUNDED", "resource": {"id": "R",
//! #     "status": "COMPLETED", "amount": {"currency_code": "EUR", "value": "1.05"},
//! #     "links": [{"rel": "up", "href": "https://api.example.com/v2/payments/captures/C"}]}}));
//! # assert_eq!(host.run(handle, event).result, done());
//! # assert_eq!(host.counter("refunded/C"), 105);
//! ```
//!
//! PayPal signs a CRC32 of the body alone, which is no hash: an attacker who has one delivery can
//! write another body for it (`docs/providers/paypal.md`).
//!
//! Field names are from the types of PayPal's libraries: PyPI paypal-server-sdk 2.4.0 and npm
//! @paypal/paypal-server-sdk 2.5.0 for captures, refunds, orders and subscriptions. They have no
//! types of webhooks, disputes and sales (API v1). These three follow events that public projects
//! recorded.

mod capture;
mod dispute;
mod event;
mod links;
mod money;
mod order;
mod refund;
mod sale;
mod subscription;

pub use capture::{Capture, CaptureStatus, RelatedIds, SellerReceivable, StatusDetails};
pub use dispute::{Dispute, DisputeOutcome, DisputeStatus, DisputedTransaction};
pub use event::PayPalEvent;
pub use links::Link;
pub use money::Money;
pub use order::{Order, OrderStatus, Payer, PurchaseUnit};
pub use refund::{Refund, RefundStatus, SellerPayable};
pub use sale::{Sale, SaleState};
pub use subscription::{
    BillingInfo, FailedPayment, LastPayment, Subscriber, Subscription, SubscriptionStatus,
};
