//! Keys, decoded and ready to check signatures.
//!
//! The state of an HMAC is prepared once and cloned for each request.

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _};
use ring::signature::{
    ED25519, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    UnparsedPublicKey,
};
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::hash::Hash;
use super::invalid_key::InvalidKey;
use super::pem::{self, KeyKind};
use tollgate_base::secret::{Secret, equal_to_any};

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-384.
    HmacSha384,
    /// HMAC with SHA-512.
    HmacSha512,
    /// MD5 over text that holds the secret.
    Md5,
    /// SHA-1 over text that holds the secret.
    Sha1,
    /// SHA-256 over text that holds the secret.
    Sha256,
    /// SHA-384 over text that holds the secret.
    Sha384,
    /// SHA-512 over text that holds the secret.
    Sha512,
    /// Ed25519. The secret is the public key.
    Ed25519,
    /// RSA, PKCS #1 v1.5, SHA-1. The secret is the public key.
    RsaPkcs1Sha1,
    /// RSA, PKCS #1 v1.5, SHA-256. The secret is the public key.
    RsaPkcs1Sha256,
    /// The request carries the secret itself. Nothing protects the body.
    StaticEqual,
    /// The request carries the SHA-256 of the secret, which is as good as the secret itself.
    StaticSha256,
}

impl Algorithm {
    /// Whether the request carries the secret, or what is as good.
    pub(super) fn sends_secret(self) -> bool {
        matches!(self, Self::StaticEqual | Self::StaticSha256)
    }

    /// The kind of the public key, if the algorithm has one.
    fn public_key(self) -> Option<KeyKind> {
        match self {
            Self::Ed25519 => Some(KeyKind::Ed25519),
            Self::RsaPkcs1Sha1 | Self::RsaPkcs1Sha256 => Some(KeyKind::Rsa),
            _ => None,
        }
    }

    /// Whether the secret is a public key.
    pub(super) fn is_public(self) -> bool {
        self.public_key().is_some()
    }

    /// The hash of an algorithm without a key, whose text must hold the secret.
    pub(super) fn hash(self) -> Option<Hash> {
        Some(match self {
            Self::Md5 => Hash::Md5,
            Self::Sha1 => Hash::Sha1,
            Self::Sha256 => Hash::Sha256,
            Self::Sha384 => Hash::Sha384,
            Self::Sha512 => Hash::Sha512,
            _ => return None,
        })
    }
}

/// How a secret is written in the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyEncoding {
    /// The key is the text's bytes as they are.
    #[default]
    Utf8,
    /// Hexadecimal, either case.
    Hex,
    /// Hexadecimal or the text as it is: both are tried, for a provider whose documents do not say
    /// which.
    HexOrUtf8,
    /// Base64 in the standard alphabet, padded or not.
    Base64,
    /// PEM, for public keys.
    Pem,
    /// The base64 of a public key in DER, or PEM.
    Der,
}

/// Base64 with or without padding, as people paste it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key, ready to check signatures with.
#[derive(Clone)]
pub(super) enum Key {
    HmacSha1(Hmac<Sha1>),
    HmacSha256(Hmac<Sha256>),
    HmacSha384(Hmac<Sha384>),
    HmacSha512(Hmac<Sha512>),
    Hash(Hash),
    Ed25519(UnparsedPublicKey<Vec<u8>>),
    Rsa(UnparsedPublicKey<Vec<u8>>),
    Static(Secret),
}

/// Decodes the text of a secret to the bytes of the key.
pub(super) fn decode(
    secret: &Secret,
    encoding: KeyEncoding,
    algorithm: Algorithm,
) -> Result<Secret, InvalidKey> {
    let text = secret.expose();
    let bytes = match encoding {
        KeyEncoding::Utf8 => text.to_vec(),
        KeyEncoding::Hex => hex::decode(text).map_err(|_| InvalidKey::NotHex)?,
        KeyEncoding::HexOrUtf8 => hex::decode(text).unwrap_or_else(|_| text.to_vec()),
        KeyEncoding::Base64 => LENIENT.decode(text).map_err(|_| InvalidKey::NotBase64)?,
        KeyEncoding::Pem => {
            let kind = algorithm.public_key().ok_or(InvalidKey::NotShared)?;
            pem::public_key(text, kind)?
        }
        KeyEncoding::Der => {
            let kind = algorithm.public_key().ok_or(InvalidKey::NotShared)?;
            match text.starts_with(b"-----BEGIN") {
                true => pem::public_key(text, kind)?,
                false => pem::public_key(&as_pem(text), kind)?,
            }
        }
    };
    let key = Secret::new(bytes);
    if key.is_empty() {
        return Err(InvalidKey::Empty);
    }
    Ok(key)
}

/// The PEM of a public key that is written without the lines around it.
fn as_pem(text: &[u8]) -> Vec<u8> {
    [
        b"-----BEGIN PUBLIC KEY-----\n",
        text.trim_ascii(),
        b"\n-----END PUBLIC KEY-----\n",
    ]
    .concat()
}

impl Key {
    /// Prepares a decoded key.
    pub(super) fn new(algorithm: Algorithm, key: &Secret) -> Result<Self, InvalidKey> {
        let bytes = key.expose();
        let never = "an HMAC key may have any length";
        Ok(match algorithm {
            Algorithm::HmacSha1 => Self::HmacSha1(Hmac::new_from_slice(bytes).expect(never)),
            Algorithm::HmacSha256 => Self::HmacSha256(Hmac::new_from_slice(bytes).expect(never)),
            Algorithm::HmacSha384 => Self::HmacSha384(Hmac::new_from_slice(bytes).expect(never)),
            Algorithm::HmacSha512 => Self::HmacSha512(Hmac::new_from_slice(bytes).expect(never)),
            Algorithm::Md5
            | Algorithm::Sha1
            | Algorithm::Sha256
            | Algorithm::Sha384
            | Algorithm::Sha512 => Self::Hash(algorithm.hash().unwrap_or(Hash::Sha512)),
            Algorithm::Ed25519 => {
                if bytes.len() != 32 {
                    return Err(InvalidKey::Length(bytes.len()));
                }
                Self::Ed25519(UnparsedPublicKey::new(&ED25519, bytes.to_vec()))
            }
            Algorithm::RsaPkcs1Sha1 => Self::Rsa(UnparsedPublicKey::new(
                &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                bytes.to_vec(),
            )),
            Algorithm::RsaPkcs1Sha256 => Self::Rsa(UnparsedPublicKey::new(
                &RSA_PKCS1_2048_8192_SHA256,
                bytes.to_vec(),
            )),
            Algorithm::StaticEqual => Self::Static(key.clone()),
            Algorithm::StaticSha256 => Self::Static(Secret::new(Sha256::digest(bytes).to_vec())),
        })
    }

    /// Whether this key made any of the signatures over the parts, one after another.
    /// Takes the same time wherever a wrong MAC differs.
    pub(super) fn matches<'s, P: AsRef<[u8]>>(
        &self,
        parts: &[P],
        mut signatures: impl Iterator<Item = &'s [u8]>,
    ) -> bool {
        match self {
            Self::HmacSha1(key) => equal_to_any(&mac(key, parts), signatures),
            Self::HmacSha256(key) => equal_to_any(&mac(key, parts), signatures),
            Self::HmacSha384(key) => equal_to_any(&mac(key, parts), signatures),
            Self::HmacSha512(key) => equal_to_any(&mac(key, parts), signatures),
            Self::Hash(hash) => equal_to_any(&hash.of(parts), signatures),
            Self::Static(secret) => equal_to_any(secret.expose(), signatures),
            Self::Ed25519(key) | Self::Rsa(key) => {
                let mut message = Vec::new();
                for part in parts {
                    message.extend_from_slice(part.as_ref());
                }
                signatures.any(|signature| key.verify(&message, signature).is_ok())
            }
        }
    }

    /// Whether whoever verifies with this key can sign with it too.
    pub(super) fn is_shared(&self) -> bool {
        !matches!(self, Self::Ed25519(_) | Self::Rsa(_))
    }

    /// The MAC over the parts. `None` if the key is a public key.
    pub(super) fn sign<P: AsRef<[u8]>>(&self, parts: &[P]) -> Option<Vec<u8>> {
        match self {
            Self::HmacSha1(key) => Some(mac(key, parts).to_vec()),
            Self::HmacSha256(key) => Some(mac(key, parts).to_vec()),
            Self::HmacSha384(key) => Some(mac(key, parts).to_vec()),
            Self::HmacSha512(key) => Some(mac(key, parts).to_vec()),
            Self::Hash(hash) => Some(hash.of(parts)),
            Self::Static(secret) => Some(secret.expose().to_vec()),
            Self::Ed25519(_) | Self::Rsa(_) => None,
        }
    }
}

/// The MAC over the parts, one after another.
fn mac<M: hmac::Mac + Clone, P: AsRef<[u8]>>(key: &M, parts: &[P]) -> hmac::digest::Output<M> {
    let mut mac = key.clone();
    parts.iter().for_each(|part| mac.update(part.as_ref()));
    mac.finalize().into_bytes()
}
