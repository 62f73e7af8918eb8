//! Keys, decoded and ready: MAC states are prepared once and cloned for each request.

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _};
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

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
    /// HMAC with SHA-512.
    HmacSha512,
    /// Ed25519; the secret is the public key.
    Ed25519,
    /// RSA, PKCS #1 v1.5, SHA-256; the secret is the public key.
    RsaPkcs1Sha256,
    /// The request carries the secret itself, and nothing vouches for its body.
    StaticEqual,
}

impl Algorithm {
    /// The kind of public key that it takes, if it takes one.
    fn public_key(self) -> Option<KeyKind> {
        match self {
            Self::Ed25519 => Some(KeyKind::Ed25519),
            Self::RsaPkcs1Sha256 => Some(KeyKind::Rsa),
            _ => None,
        }
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
    /// Base64 in the standard alphabet, padded or not.
    Base64,
    /// PEM, for public keys.
    Pem,
}

/// Base64 as people paste it: with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key, ready to check signatures with.
#[derive(Clone)]
pub(super) enum Key {
    HmacSha1(Hmac<Sha1>),
    HmacSha256(Hmac<Sha256>),
    HmacSha512(Hmac<Sha512>),
    Ed25519(UnparsedPublicKey<Vec<u8>>),
    Rsa(UnparsedPublicKey<Vec<u8>>),
    Static(Secret),
}

/// The bytes that a secret's text stands for, or why it stands for none.
pub(super) fn decode(
    secret: &Secret,
    encoding: KeyEncoding,
    algorithm: Algorithm,
) -> Result<Secret, String> {
    let bytes = match encoding {
        KeyEncoding::Utf8 => secret.expose().to_vec(),
        KeyEncoding::Hex => hex::decode(secret.expose()).map_err(|_| {
            "must be hexadecimal: an even number of the digits 0-9 and a-f".to_owned()
        })?,
        KeyEncoding::Base64 => LENIENT
            .decode(secret.expose())
            .map_err(|_| "must be base64".to_owned())?,
        KeyEncoding::Pem => {
            let kind = algorithm.public_key().ok_or_else(|| {
                "cannot be PEM: the scheme's algorithm takes a shared secret".to_owned()
            })?;
            pem::public_key(secret.expose(), kind)?
        }
    };
    let key = Secret::new(bytes);
    if key.is_empty() {
        return Err("is empty after decoding".to_owned());
    }
    Ok(key)
}

impl Key {
    /// Prepares a decoded key.
    pub(super) fn new(algorithm: Algorithm, key: &Secret) -> Result<Self, String> {
        let bytes = key.expose();
        let never = "an HMAC key may have any length";
        Ok(match algorithm {
            Algorithm::HmacSha1 => Self::HmacSha1(Hmac::new_from_slice(bytes).expect(never)),
            Algorithm::HmacSha256 => Self::HmacSha256(Hmac::new_from_slice(bytes).expect(never)),
            Algorithm::HmacSha512 => Self::HmacSha512(Hmac::new_from_slice(bytes).expect(never)),
            Algorithm::Ed25519 => {
                if bytes.len() != 32 {
                    return Err(format!(
                        "is {} bytes long; an Ed25519 public key has 32",
                        bytes.len()
                    ));
                }
                Self::Ed25519(UnparsedPublicKey::new(&ED25519, bytes.to_vec()))
            }
            Algorithm::RsaPkcs1Sha256 => Self::Rsa(UnparsedPublicKey::new(
                &RSA_PKCS1_2048_8192_SHA256,
                bytes.to_vec(),
            )),
            Algorithm::StaticEqual => Self::Static(key.clone()),
        })
    }

    /// Whether any of the signatures is this key's over the parts, one after another.
    /// Takes the same time wherever a wrong MAC differs.
    pub(super) fn matches<'s>(
        &self,
        parts: &[&[u8]],
        mut signatures: impl Iterator<Item = &'s [u8]>,
    ) -> bool {
        match self {
            Self::HmacSha1(key) => equal_to_any(&mac(key, parts), signatures),
            Self::HmacSha256(key) => equal_to_any(&mac(key, parts), signatures),
            Self::HmacSha512(key) => equal_to_any(&mac(key, parts), signatures),
            Self::Static(secret) => equal_to_any(secret.expose(), signatures),
            Self::Ed25519(key) | Self::Rsa(key) => {
                let message = parts.concat();
                signatures.any(|signature| key.verify(&message, signature).is_ok())
            }
        }
    }

    /// The MAC over the parts, for schemes with a shared secret.
    pub(super) fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        match self {
            Self::HmacSha1(key) => Some(mac(key, parts).to_vec()),
            Self::HmacSha256(key) => Some(mac(key, parts).to_vec()),
            Self::HmacSha512(key) => Some(mac(key, parts).to_vec()),
            Self::Static(secret) => Some(secret.expose().to_vec()),
            Self::Ed25519(_) | Self::Rsa(_) => None,
        }
    }
}

/// The MAC over the parts, one after another.
fn mac<M: hmac::Mac + Clone>(key: &M, parts: &[&[u8]]) -> hmac::digest::Output<M> {
    let mut mac = key.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes()
}
