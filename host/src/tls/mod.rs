//! TLS of the listener that providers post to.
//!
//! A [`Front`] lives as long as the process. Each generation gives it certificates; connections
//! take the configuration that is there when they begin, and keep it.

mod front;
mod resolver;

pub(crate) use front::Front;
pub use front::TlsLayer;
