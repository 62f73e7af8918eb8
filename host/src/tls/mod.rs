//! TLS of the listener that providers post to.
//!
//! A [`Front`] lives as long as the process. Each generation gives it certificates; connections
//! take the configuration that is there when they begin, and keep it. The certificate that a peer
//! has shown is checked again when the authorities change.

mod acme;
mod authorities;
mod front;
mod renewal;
mod resolver;
mod schedule;
mod shown;

pub(crate) use acme::Challenges;
pub(crate) use front::Front;
pub use front::TlsLayer;
pub(crate) use renewal::start as start_renewal;
pub use shown::Shown;
