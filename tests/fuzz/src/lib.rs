//! The parsers alone: the host's modules that look at bytes from the net, compiled without
//! the rest of it.

#[allow(unused_imports, reason = "some are for other parts of the host")]
#[path = "../../../host/src"]
mod host {
    pub mod clock;
    pub mod event;
    pub mod json;
    pub(crate) mod rfc3339;
    pub mod scheme;
    pub mod secret;
    pub(crate) mod suggest;
}

pub use host::{clock, event, json, scheme, secret};
pub(crate) use host::{rfc3339, suggest};

pub mod requests;
