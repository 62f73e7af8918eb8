//! A certificate from an authority that speaks ACME (RFC 8555).

mod challenges;
mod client;
mod order;
mod store;

pub(crate) use challenges::Challenges;
pub(super) use order::{OrderError, order};
pub(super) use store::{Kept, Store, Tries};
