//! The identity of an event within its source, and the dedup key made of it.

use sha2::{Digest as _, Sha256};

use super::names::SourceName;

/// The key by which a duplicate is recognised: 16 bytes of a sha256 over the name of the source and
/// the identity of the event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DedupKey(pub [u8; 16]);

impl DedupKey {
    /// The key of an event of `source` with this identity.
    pub fn new(source: &SourceName, basis: &DedupBasis) -> Self {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            // Lengths keep ("a", "bc") and ("ab", "c") apart.
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        field(source.as_str().as_bytes());
        match basis {
            DedupBasis::SignedId(id) => {
                field(b"id");
                field(id.as_bytes());
            }
            DedupBasis::Fields(fields) => {
                field(b"fields");
                fields.iter().for_each(|value| field(value.as_bytes()));
            }
            DedupBasis::Body { kind, digest } => {
                field(b"body");
                field(kind.as_bytes());
                field(digest);
            }
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        Self(key)
    }
}

impl DedupKey {
    /// The key that an event shares with its twins of other sources. `id` is an id that the
    /// provider gives to one fact, whichever source it is sent to.
    pub fn of_twins(id: &str) -> Self {
        // No source has this name.
        Self::new(&SourceName::new(""), &DedupBasis::SignedId(id.to_owned()))
    }
}

/// The identity of an event within its source. It always comes from signed bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DedupBasis {
    /// The provider's event id, if the id is signed.
    SignedId(String),
    /// Several signed fields that identify the event together.
    Fields(Vec<String>),
    /// The sha256 of the signed bytes, with the event type, for providers that sign no id.
    Body {
        /// The event's type.
        kind: String,
        /// The sha256 of the signed bytes.
        digest: [u8; 32],
    },
}
