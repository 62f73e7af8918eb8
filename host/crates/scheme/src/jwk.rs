//! JSON Web Keys (RFC 7517): public keys as JSON, alone, in a set, or in an answer of Plaid's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::invalid_key::InvalidKey;
use super::jws::JwsAlgorithm;
use super::pem::{self, KeyKind};
use tollgate_base::time::WallTime;

/// The most keys that are read from a set.
const MAX_KEYS: usize = 64;

/// A key that was read.
pub(super) struct Jwk {
    /// The name of the key.
    pub(super) kid: Option<String>,
    /// The time from which the provider no longer signs with the key.
    pub(super) expired: Option<WallTime>,
    /// The key in the form that ring takes.
    pub(super) key: Vec<u8>,
}

/// The members of a key, as far as they are needed.
#[derive(Deserialize)]
struct Members {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    /// The time at which the key expired, in seconds since the Unix epoch. Null while the key is in
    /// use.
    expired_at: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    /// A set. A key that cannot be read takes no other with it.
    Set { keys: Vec<serde_json::Value> },
    /// The answer of Plaid's API.
    Answer { key: Members },
    /// The key alone.
    Key(Members),
}

/// The keys of a document for an algorithm. Of a set, keys for other algorithms are left out.
///
/// # Errors
/// The document holds no such key.
pub(super) fn keys(text: &[u8], algorithm: JwsAlgorithm) -> Result<Vec<Jwk>, InvalidKey> {
    let no_jwk = || match algorithm.key_kind() {
        KeyKind::Rsa => InvalidKey::NotRsaJwk,
        _ => InvalidKey::NotJwk,
    };
    let document: Document = serde_json::from_slice(text).map_err(|_| no_jwk())?;
    let members = match document {
        Document::Answer { key } | Document::Key(key) => {
            return read(key, algorithm, no_jwk).map(|key| vec![key]);
        }
        Document::Set { keys } => keys,
    };
    let members = members.into_iter().take(MAX_KEYS);
    let members = members.filter_map(|key| serde_json::from_value(key).ok());
    let keys: Vec<Jwk> = members
        .filter_map(|key| read(key, algorithm, no_jwk).ok())
        .collect();
    match keys.is_empty() {
        true => Err(no_jwk()),
        false => Ok(keys),
    }
}

fn read(
    key: Members,
    algorithm: JwsAlgorithm,
    no_jwk: impl Fn() -> InvalidKey,
) -> Result<Jwk, InvalidKey> {
    let other = |own: &str| own != algorithm.name();
    let (kty, crv) = match algorithm.key_kind() {
        KeyKind::Rsa => ("RSA", None),
        KeyKind::P256 => ("EC", Some("P-256")),
        KeyKind::P384 => ("EC", Some("P-384")),
        KeyKind::Ed25519 => ("OKP", Some("Ed25519")),
    };
    if key.kty != kty || key.crv.as_deref() != crv || key.alg.as_deref().is_some_and(other) {
        return Err(InvalidKey::JwkAlgorithm(algorithm.name()));
    }
    let coordinate = |text: Option<String>, length: usize| {
        let bytes = URL_SAFE_NO_PAD.decode(text.ok_or_else(&no_jwk)?).ok();
        let bytes = bytes.filter(|bytes| bytes.len() == length);
        bytes.ok_or(InvalidKey::JwkCoordinate(length))
    };
    let number = |text: Option<String>| {
        let bytes = URL_SAFE_NO_PAD.decode(text.ok_or_else(&no_jwk)?);
        bytes.map_err(|_| no_jwk())
    };
    let bytes = match algorithm.key_kind() {
        KeyKind::Rsa => pem::rsa_key(&number(key.n)?, &number(key.e)?)?,
        KeyKind::P256 => [vec![4], coordinate(key.x, 32)?, coordinate(key.y, 32)?].concat(),
        KeyKind::P384 => [vec![4], coordinate(key.x, 48)?, coordinate(key.y, 48)?].concat(),
        KeyKind::Ed25519 => coordinate(key.x, 32)?,
    };
    Ok(Jwk {
        kid: key.kid,
        expired: key.expired_at.map(WallTime::from_secs),
        key: bytes,
    })
}
