//! Write handlers for Tollgate in Rust.
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
//! Compiled for WebAssembly, the calls go to the gateway. Compiled natively, they
//! go to [`testing::Host`], which keeps everything in memory: so a handler is
//! tested with plain `cargo test`.
//!
//! Whatever a handler does through [`state`], [`outbox`], [`emit`] and [`schedule`] is
//! committed together with the delivery's completion, or not at all. Every error of this
//! crate turns into a [`Failure`] by `?`: see [`Error`].

#[cfg(any(all(target_family = "wasm", feature = "arena"), test))]
mod arena;
mod bindings;
pub mod config;
pub mod emit;
mod error;
mod event;
#[cfg_attr(target_family = "wasm", path = "host_wasm.rs")]
#[cfg_attr(not(target_family = "wasm"), path = "host_native.rs")]
mod host;
pub mod log;
pub mod outbox;
mod outcome;
pub mod response;
pub mod schedule;
pub mod state;
pub mod stripe;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use bindings::tollgate::handler::types::{Event, Failure, Outcome, Retry};
pub use error::{EffectProblem, Error, ScheduleProblem, StateProblem};
pub use outcome::{done, ignored, reject, retry};
pub use response::Response;

/// What most handlers need, to be imported whole. The derives of `serde` need
/// that crate among the handler's own dependencies.
pub mod prelude {
    pub use crate::stripe::{Expandable, StripeEvent};
    pub use crate::{Error, Event, Failure, Outcome};
    pub use crate::{config, emit, log, outbox, schedule, state};
    pub use crate::{done, ignored, reject, retry};
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::json;
}

/// Makes a function the handler of this crate, which is built as a `cdylib`.
///
/// The function is `fn(Event) -> Result<Outcome, E>`, where `E` is [`Failure`] or
/// anything that turns into one. In native builds nothing is exported.
#[macro_export]
macro_rules! handler {
    ($handle:path) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, reason = "the generated entry point of the component")]
        const _: () = {
            struct Component;

            impl $crate::__private::Guest for Component {
                fn handle(event: $crate::Event) -> Result<$crate::Outcome, $crate::Failure> {
                    $crate::__private::run(event, $handle)
                }
            }

    $crate::__private::export!(Component with_types_in $crate::__private);
        };

        // Checked, and in use, in native builds too.
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            #[allow(dead_code, reason = "what the handler is made of is not unused")]
            fn checked_handler(event: $crate::Event) -> Result<$crate::Outcome, $crate::Failure> {
                $crate::__private::run(event, $handle)
            }
        };
    };
}

/// What the macros need; no part of the interface.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_family = "wasm")]
    pub use crate::bindings::*;
    use crate::host;
    #[cfg(not(target_family = "wasm"))]
    use crate::{Event, Failure, Outcome};

    /// Runs a handler once: with a panic's message logged, since a trap alone does not say why.
    pub fn run<E: Into<Failure>>(
        event: Event,
        handle: impl FnOnce(Event) -> Result<Outcome, E>,
    ) -> Result<Outcome, Failure> {
        host::log_panics();
        handle(event).map_err(Into::into)
    }
}
