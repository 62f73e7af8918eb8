//! Picks a few values out of a JSON text in one pass.
//!
//! A webhook's body is a few kilobytes of which the gateway needs an id, a type and
//! perhaps a filter's fields. To build a tree of the whole would cost several times what
//! checking the signature costs, and even serde's skipping twice as much. So a scanner of
//! its own walks the text once, notes where the wanted values stand, and has serde_json read
//! these alone. The whole text is still checked to be JSON. Where an object names a key
//! twice the last one counts, as in `JSON.parse`.

mod error;
mod items;
mod mask;
mod pluck;
mod pointer;
mod redact;
mod scan;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;

pub use error::{NotJson, PointerError};
pub use items::items;
pub use pluck::{Plucked, pluck, pluck_borrowed};
pub use pointer::PointerSet;
pub use redact::redact;
