//! The names that the macros use. They are no part of the interface.

#[cfg(target_family = "wasm")]
pub use crate::bindings::*;
use crate::host;
#[cfg(not(target_family = "wasm"))]
use crate::{Event, Failure, Outcome};

/// Runs a handler once. Logs the message of a panic, because a trap alone does not give the
/// reason.
pub fn run<E: Into<Failure>>(
    event: Event,
    handle: impl FnOnce(Event) -> Result<Outcome, E>,
) -> Result<Outcome, Failure> {
    host::log_panics();
    handle(event).map_err(Into::into)
}
