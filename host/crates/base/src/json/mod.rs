//! Picks a few values out of a JSON text in one pass.
//!
//! A webhook's body has a few kilobytes. The gateway needs an id, a type and perhaps the fields of
//! a filter. A tree of the whole body would cost several times as much as the check of the
//! signature, and even to skip values with serde costs twice as much. So a scanner walks over the
//! text once and finds the wanted values, and serde_json reads these values alone. The whole text
//! is still checked to be JSON. If an object names a key twice, the last value counts, as in
//! `JSON.parse`.

mod error;
mod items;
mod mask;
mod minify;
mod pluck;
mod pointer;
mod redact;
mod scan;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;

pub use error::{NotJson, PointerError};
pub use items::items;
pub use minify::minified;
pub use pluck::{Plucked, pluck, pluck_borrowed};
pub use pointer::PointerSet;
pub use redact::{redact, replace};
