//! Realistic events of every payment provider, for `tollgate trigger`, fixtures and tests.
//!
//! `data/NAME.json` has the events of the scheme `NAME` as templates: type, headers and body. Ids,
//! times and amounts are drawn when an event is made. The same seed gives the same values, and the
//! events of one [`Story`] share theirs. What the gateway reads of an event (id, type, subject and
//! time) is stated in the data, and a test compares it with what the gateway does read.
//!
//! # To add an event
//!
//! 1. Add it to `events` in `data/NAME.json`. [`template`](self) in `template.rs` describes the
//!    placeholders; `catalog.rs` has the members of the file.
//! 2. Run `cargo test -p tollgate-events`.
//!
//! # The files
//!
//! - `catalog.rs` reads the data, `story.rs` fills events, `overriding.rs` replaces values.
//! - `node.rs` is JSON with its order, `template.rs` fills it, `drawing.rs` draws values, and
//!   `moment.rs` writes times.
//! - `local.rs` has sources for tests, and what the gateway makes of an event; `key.rs` and
//!   `rsa.rs` make key pairs that stand in for a provider's.

mod catalog;
mod drawing;
mod key;
mod local;
mod moment;
mod node;
mod overriding;
mod rsa;
mod story;
mod template;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;

pub use catalog::{Listed, NameError, events, has_event, schemes, stories, types, versions};
pub use key::{KeyError, LocalKey};
pub use local::{LocalError, LocalSource, new_key, recorded, secret_example};
pub use overriding::{Override, OverrideError};
pub use story::{SampleError, SampleEvent, Step, Story};
pub use template::TemplateError;
