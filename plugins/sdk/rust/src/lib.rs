//! Handlers for Tollgate, a gateway for payment webhooks, in Rust.
//!
//! A handler is a function from an [`Event`] to an [`Outcome`] or a [`Failure`]:
//!
//! ```
//! use tollgate_handler::prelude::*;
//!
//! tollgate_handler::handler!(handle);
//!
//! #[derive(Deserialize)]
//! struct Charge {
//!     id: String,
//!     amount: i64,
//! }
//!
//! fn handle(event: Event) -> Result<Outcome, Failure> {
//!     let charge = event.json::<StripeEvent<Charge>>()?.data.object;
//!     state::add("charged", charge.amount)?;
//!     outbox::post("https://crm.example.com/charges")
//!         .json(&json!({ "charge": charge.id }))
//!         .order_key(&charge.id)
//!         .send()?;
//!     emit::event("charge.noted").subject(&charge.id).send()?;
//!     log::info!("noted", charge = charge.id);
//!     done()
//! }
//! # let mut host = tollgate_handler::testing::Host::new();
//! # let event = tollgate_handler::testing::event("charge.succeeded",
//! #     &json!({"id": "evt_1", "type": "charge.succeeded", "created": 1,
//! #         "data": {"object": {"id": "ch_1", "amount": 5}}}));
//! # let run = host.run(handle, event);
//! # assert!(run.result.is_ok(), "{run:?}");
//! # assert_eq!(host.counter("charged"), 5);
//! # assert_eq!(host.sent.len(), 1);
//! ```
//!
//! The payloads of common events have types: [`stripe`], [`adyen`] and [`paypal`]. A type of your
//! own works as well, as above: describe only the fields that the handler needs.
//!
//! In WebAssembly, the calls go to the gateway. In native builds, they go to
//! [`testing::Host`], a gateway in memory, so plain `cargo test` tests a handler.
//!
//! The gateway commits the effects of a run ([`state`], [`outbox`], [`emit`], [`schedule`])
//! together with the delivery's completion, or not at all. Every error of this crate converts
//! into a [`Failure`] by `?`: see [`Error`].

#[doc(hidden)]
pub mod __private;
pub mod adyen;
#[cfg(any(all(target_family = "wasm", feature = "arena"), test))]
mod arena;
mod bindings;
pub mod config;
pub mod emit;
mod entry;
mod error;
mod event;
mod host;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http")]
mod http_answer;
mod lenient;
pub mod log;
#[cfg(not(target_family = "wasm"))]
mod memory;
pub mod outbox;
mod outcome;
pub mod paypal;
mod place;
pub mod resolved;
pub mod response;
pub mod schedule;
pub mod state;
pub mod stripe;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod texts;
mod values;

pub use bindings::tollgate::handler::types::{Event, Failure, Outcome, Retry};
pub use error::{EffectProblem, Error, ScheduleProblem, StateProblem};
pub use outcome::{done, ignored, reject, retry};
pub use response::Response;

/// The names that most handlers need, to import with `*`. The derives of `serde` also need that
/// crate among the handler's own dependencies.
pub mod prelude {
    #[cfg(feature = "http")]
    pub use crate::http;
    pub use crate::stripe::{Expandable, StripeEvent};
    pub use crate::{Error, Event, Failure, Outcome};
    pub use crate::{config, emit, log, outbox, resolved, schedule, state, stripe};
    pub use crate::{done, ignored, reject, retry};
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::json;
}
