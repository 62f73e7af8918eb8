//! The keys that sources verify requests with: keys that are fetched from providers, and
//! counts of how often each secret of the manifest matched.

mod cache;
mod fetching;
mod uses;

pub(crate) use cache::KeyCache;
pub use cache::KeyUnavailable;
pub use fetching::FetchError;
#[cfg(test)]
pub(crate) use fetching::FetchKeys;
pub(crate) use fetching::HttpsKeys;
pub(crate) use uses::{SecretUses, SecretView};
