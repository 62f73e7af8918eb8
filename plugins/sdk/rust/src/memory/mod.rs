//! A run in memory: the part of the gateway in memory that answers a handler's calls. Native builds
//! use it in place of the gateway.

mod current;
mod ids;
mod records;

#[cfg(feature = "http")]
pub(crate) use current::Prepared;
pub(crate) use current::{CurrentRun, Resolved, run_with, with_current};
pub(crate) use ids::id_of;
pub use records::{Emitted, Line, Scheduled, Sent};
