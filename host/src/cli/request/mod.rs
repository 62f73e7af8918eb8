//! The arguments of `verify` and `sign`: a scheme with its settings, and a request.

mod message;
mod scheme;

pub(super) use message::{MessageArgs, WRONG_USAGE};
pub(super) use scheme::{SchemeArgs, SchemeSetup};
