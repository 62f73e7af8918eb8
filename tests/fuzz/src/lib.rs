//! The parsers alone: the host's modules that look at bytes from the net, compiled without
//! the rest of it.

#[allow(unused_imports, reason = "some are for other parts of the host")]
#[path = "../../../host/src"]
mod host {
    pub mod event;
    pub mod json;
    pub mod scheme;
    pub mod secret;
}

pub use host::{event, json, scheme, secret};

pub mod requests;
