//! Hashes without a key.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A hash without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The hash with this name in a template.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    /// The hash of the parts, one after another.
    pub(super) fn of<P: AsRef<[u8]>>(self, parts: &[P]) -> Vec<u8> {
        match self {
            Self::Md5 => hash::<Md5, P>(parts),
            Self::Sha1 => hash::<Sha1, P>(parts),
            Self::Sha256 => hash::<Sha256, P>(parts),
            Self::Sha384 => hash::<Sha384, P>(parts),
            Self::Sha512 => hash::<Sha512, P>(parts),
        }
    }
}

fn hash<D: Digest, P: AsRef<[u8]>>(parts: &[P]) -> Vec<u8> {
    let mut hash = D::new();
    parts.iter().for_each(|part| hash.update(part.as_ref()));
    hash.finalize().to_vec()
}
