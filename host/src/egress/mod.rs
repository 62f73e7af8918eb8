//! Outbound connections: where they may go, how they are made, whom they trust.
//!
//! The outbox sends handlers' requests over them, and sources fetch their providers' keys.

mod addresses;
mod connect;
mod error;
mod trust;

pub(crate) use addresses::Destination;
pub(crate) use connect::{Clients, USER_AGENT};
pub(crate) use error::error_chain;
pub(crate) use trust::system_roots;
pub use trust::system_tls;
