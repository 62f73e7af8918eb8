//! The keys that sources verify with: keys that requests name and that are fetched, and the
//! uses of each secret.

pub(crate) mod cache;
pub(crate) mod uses;
