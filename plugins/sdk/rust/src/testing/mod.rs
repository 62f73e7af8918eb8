//! A gateway in memory, for tests of handlers with plain `cargo test`.
//!
//! ```
//! use tollgate_handler::prelude::*;
//! use tollgate_handler::testing::{self, Host};
//!
//! fn handle(event: Event) -> Result<Outcome, Failure> {
//!     if event.attempt == 1 {
//!         return Err(retry("the first attempt never works"));
//!     }
//!     state::add("seen", 1)?;
//!     outbox::post(config::require("url")?).json(&json!({"seen": event.kind})).send()?;
//!     done()
//! }
//!
//! let mut host = Host::new().config("url", "https://crm.example.com/seen");
//! let event = testing::event("charge.succeeded", &json!({"id": "evt_1"}));
//!
//! assert!(host.run(handle, event.clone()).result.is_err());
//! assert_eq!(host.counter("seen"), 0, "a failure leaves nothing behind");
//!
//! let run = host.run(handle, Event { attempt: 2, ..event });
//! assert_eq!(run.result, Ok(Outcome::Done));
//! assert_eq!(run.sent[0].json()["seen"], "charge.succeeded");
//! assert_eq!(host.counter("seen"), 1);
//! ```
//!
//! [`Host`] keeps the gateway's promises. The effects of a run are committed together if the run
//! succeeds, and not at all if it fails. Requests carry an idempotency key that is the same on
//! every attempt and another one on a replay. Time stands still except in [`Host::advance`], which
//! runs scheduled events as they become due.
//!
//! [`Host`] runs one delivery at a time, so there are no conflicts. It checks the rules of the WIT
//! interface for keys, requests and events, but not the manifest's limits on time and memory.

mod events;
mod host;
mod orders;
#[cfg(test)]
mod tests;

pub use crate::memory::{Emitted, Line, Scheduled, Sent};
pub use events::{event, no_response, response, thin};
pub use host::{Host, Run};
pub use orders::{orders, with_repeats};
