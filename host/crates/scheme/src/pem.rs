//! Public keys out of PEM: bare, or in an X.509 certificate (RFC 5280).
//!
//! Of a certificate nothing but its key is looked at: what is given as a secret comes from
//! whoever runs the gateway, who thereby vouches for it, and what is fetched has been checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::der::element;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// RSA of 2048 bits or more.
    Rsa,
    /// Ed25519.
    Ed25519,
    /// ECDSA on the curve P-256.
    P256,
}

impl KeyKind {
    /// The contents of the AlgorithmIdentifier: an object identifier and its parameters.
    fn identifier(self) -> &'static [u8] {
        match self {
            Self::Rsa => b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00",
            Self::Ed25519 => b"\x06\x03\x2b\x65\x70",
            Self::P256 => {
                b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ed25519 => "Ed25519",
            Self::P256 => "P-256",
        }
    }
}

/// What the PEM text holds, in the form that ring takes: for RSA the PKCS #1
/// `RSAPublicKey`, for Ed25519 the 32 bytes, for P-256 the point. The error follows on
/// "the secret".
pub(super) fn public_key(text: &[u8], kind: KeyKind) -> Result<Vec<u8>, String> {
    let (label, der) = section(text)?;
    let damaged = || format!("holds a damaged `{label}`");
    let key = match label.as_str() {
        "PUBLIC KEY" => spki(&der, kind).ok_or_else(damaged)??,
        "CERTIFICATE" => {
            spki(certificate_spki(&der).ok_or_else(damaged)?, kind).ok_or_else(damaged)??
        }
        "RSA PUBLIC KEY" if kind == KeyKind::Rsa => der,
        _ => return Err(format!("holds a `{label}`; wanted is a `PUBLIC KEY`")),
    };
    strong(key, kind).ok_or_else(damaged)?
}

/// The key, if it is not too weak. `None` if it is damaged.
fn strong(key: Vec<u8>, kind: KeyKind) -> Option<Result<Vec<u8>, String>> {
    if kind == KeyKind::Rsa && modulus_bits(&key)? < 2048 {
        let why = "holds an RSA key of less than 2048 bits, which is too weak";
        return Some(Err(why.to_owned()));
    }
    Some(Ok(key))
}

/// The key of a certificate, in the form that ring takes. The error follows on "the
/// certificate".
pub(super) fn certificate_key(der: &[u8], kind: KeyKind) -> Result<Vec<u8>, String> {
    let damaged = || "is damaged".to_owned();
    let info = certificate_spki(der).ok_or_else(damaged)?;
    strong(spki(info, kind).ok_or_else(damaged)??, kind).ok_or_else(damaged)?
}

/// Whether this has the outer form of an X.509 certificate.
pub(super) fn is_certificate(der: &[u8]) -> bool {
    certificate_spki(der).is_some()
}

/// The label and contents of the first PEM section.
fn section(text: &[u8]) -> Result<(String, Vec<u8>), String> {
    let no_pem = || "must be PEM: `-----BEGIN PUBLIC KEY-----` and so on".to_owned();
    let text = std::str::from_utf8(text).map_err(|_| no_pem())?;
    let (_, rest) = text.split_once("-----BEGIN ").ok_or_else(no_pem)?;
    let (label, rest) = rest.split_once("-----").ok_or_else(no_pem)?;
    let (body, _) = rest
        .split_once(&format!("-----END {label}-----"))
        .ok_or_else(no_pem)?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD
        .decode(body)
        .map_err(|_| "holds PEM that is no base64".to_owned())?;
    Ok((label.to_owned(), der))
}

/// The bit string of a SubjectPublicKeyInfo: SEQUENCE { SEQUENCE { … }, BIT STRING }. `None`
/// if it is damaged, an error if it is a key of another kind.
fn spki(der: &[u8], kind: KeyKind) -> Option<Result<Vec<u8>, String>> {
    let (info, rest) = element(der, 0x30)?;
    let (algorithm, after) = element(info, 0x30)?;
    let (bits, end) = element(after, 0x03)?;
    let (unused, key) = bits.split_first()?;
    if *unused != 0 || !rest.is_empty() || !end.is_empty() {
        return None;
    }
    if algorithm != kind.identifier() {
        return Some(Err(format!(
            "holds another kind of key than {}",
            kind.name()
        )));
    }
    Some(Ok(key.to_vec()))
}

/// The SubjectPublicKeyInfo of a certificate.
fn certificate_spki(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(der, 0x30)?;
    let (mut rest, _) = element(certificate, 0x30)?;
    // An optional version, then serial number, algorithm, issuer, validity and subject.
    if let Some((_, after)) = element(rest, 0xa0) {
        rest = after;
    }
    for tag in [0x02, 0x30, 0x30, 0x30, 0x30] {
        (_, rest) = element(rest, tag)?;
    }
    let (_, after) = element(rest, 0x30)?;
    Some(&rest[..rest.len() - after.len()])
}

/// How many bits an RSAPublicKey's modulus has, to the next full byte.
fn modulus_bits(der: &[u8]) -> Option<usize> {
    let (numbers, _) = element(der, 0x30)?;
    let (modulus, _) = element(numbers, 0x02)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    Some((modulus.len() - zeros) * 8)
}
