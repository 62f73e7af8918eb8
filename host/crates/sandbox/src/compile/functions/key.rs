//! What identifies a function.

use sha2::{Digest, Sha256};

/// The sha256 of the compiler's own key.
pub(in crate::compile) type Key = [u8; 32];

/// The key for the compiler's own one.
pub(super) fn key_of(key: &[u8]) -> Key {
    Sha256::digest(key).into()
}
