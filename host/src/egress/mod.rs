//! Outbound connections: where they may go, how they are made, whom they trust.
//!
//! The outbox sends handlers' requests over them, handlers ask and wait, sources fetch their
//! providers' keys, the resolver asks for the objects of thin events, and certificates are ordered.

mod added_header;
mod addresses;
mod answer;
mod connect;
mod error;
mod exchange;
mod failure;
mod paced;
mod retry_after;
mod trust;

pub(crate) use added_header::added_header;
pub(crate) use addresses::Destination;
pub(crate) use answer::Answer;
pub(crate) use connect::{Clients, USER_AGENT};
pub(crate) use error::error_chain;
pub(crate) use exchange::exchange;
pub(crate) use failure::Failure;
pub(crate) use paced::PacedHttp;
pub(crate) use retry_after::retry_after;
pub(crate) use trust::system_roots;
pub use trust::system_tls;
