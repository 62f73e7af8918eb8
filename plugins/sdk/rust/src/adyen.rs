//! Adyen's webhooks: the items of standard webhooks, and the envelope of platform and management
//! webhooks.
//!
//! ```
//! use tollgate_handler::adyen::{EventCode, NotificationItem};
//! use tollgate_handler::prelude::*;
//!
//! fn handle(event: Event) -> Result<Outcome, Failure> {
//!     let item: NotificationItem = event.json()?;
//!     if item.event_code != EventCode::Refund || !item.success {
//!         return ignored("nothing was refunded");
//!     }
//!     let Some(amount) = &item.amount else {
//!         return Err(reject("a refund without an amount"));
//!     };
//!     state::add(&format!("refunded/{}", item.payment()), amount.value)?;
//!     done()
//! }
//! # let mut host = tollgate_handler::testing::Host::new();
//! # let event = tollgate_handler::testing::event("REFUND", &json!({"NotificationRequestItem": {
//! #     "eventCode": "REFUND", "success": "true", "pspReference": "R", "originalReference": "P",
//! #     "amount": {"currency": "EUR", "value": 5}}}));
//! # assert_eq!(host.run(handle, event).result, done());
//! # assert_eq!(host.counter("refunded/P"), 5);
//! ```
//!
//! Adyen signs eight fields of an item: `pspReference`, `originalReference`, `merchantAccountCode`,
//! `merchantReference`, `amount` (value and currency), `eventCode` and `success`. All others,
//! `additionalData` and `reason` among them, are as trustworthy as the way that they came.
//!
//! Field names are from the types of Adyen's library for Node: npm @adyen/api-library 32.1.0,
//! folder `typings`: `notification` for items, `transferWebhooks`, `configurationWebhooks`,
//! `managementWebhooks` and `tokenizationWebhooks` for the envelope.

mod amount;
mod event_code;
mod notification_item;
mod platform_event;

pub use amount::Amount;
pub use event_code::EventCode;
pub use notification_item::{NotificationItem, Operation};
pub use platform_event::{Environment, PlatformEvent};
