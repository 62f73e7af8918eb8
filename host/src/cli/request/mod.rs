//! The arguments of `verify` and `sign`: a scheme with its settings, and a request.

mod captured;
mod message;
mod scheme;

pub(super) use captured::{CapturedFile, CapturedMessage};
pub(super) use message::MessageArgs;
pub(super) use scheme::{SchemeArgs, SchemeSetup};
