//! The certificates that the gateway shows to its peers: read from PEM, and checked.
//!
//! A certificate that would not work is a mistake before it serves. Whether it is in force depends
//! on the time, so that is told apart: [`Certificate::state`].

mod certificate;
mod chain;
mod error;
mod facts;

pub use certificate::{Certificate, CertificateState, KeyKind};
pub use error::CertificateError;
pub(crate) use facts::{Facts, Names};
