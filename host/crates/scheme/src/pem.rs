//! Reads public keys from PEM: a bare key, or a key in an X.509 certificate (RFC 5280).
//!
//! Of a certificate only the key is read. The operator is responsible for the certificates that a
//! manifest gives as secrets, and fetched certificates are checked elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::invalid_key::InvalidKey;
use tollgate_base::der::element;

/// The kind of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// RSA of 2048 bits or more.
    Rsa,
    /// Ed25519.
    Ed25519,
    /// ECDSA on the curve P-256.
    P256,
    /// ECDSA on the curve P-384.
    P384,
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
            Self::P384 => b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ed25519 => "Ed25519",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }
}

/// The key that the PEM text holds, in the form that ring takes: for RSA the PKCS #1
/// `RSAPublicKey`, for Ed25519 the 32 bytes, for ECDSA the point.
pub(super) fn public_key(text: &[u8], kind: KeyKind) -> Result<Vec<u8>, InvalidKey> {
    let (label, der) = section(text)?;
    let damaged = || InvalidKey::Damaged(label.clone());
    let key = match label.as_str() {
        "PUBLIC KEY" => spki(&der).ok_or_else(damaged)?.key(kind)?,
        "CERTIFICATE" => {
            let info = certificate_spki(&der).ok_or_else(damaged)?;
            spki(info).ok_or_else(damaged)?.key(kind)?
        }
        "RSA PUBLIC KEY" if kind == KeyKind::Rsa => &der,
        _ => return Err(InvalidKey::NotPublic(label)),
    };
    if is_weak(key, kind).ok_or_else(damaged)? {
        return Err(InvalidKey::TooWeak);
    }
    Ok(key.to_vec())
}

/// The key of a certificate (DER), in the form that ring takes.
pub(super) fn certificate_key(der: &[u8], kind: KeyKind) -> Result<Vec<u8>, InvalidKey> {
    let damaged = || InvalidKey::DamagedCertificate;
    let info = certificate_spki(der).ok_or_else(damaged)?;
    let key = spki(info).ok_or_else(damaged)?.key(kind)?;
    if is_weak(key, kind).ok_or_else(damaged)? {
        return Err(InvalidKey::TooWeak);
    }
    Ok(key.to_vec())
}

/// The serial number of a certificate in PEM, in upper-case hexadecimal without leading zeros.
/// `None` if the text is no certificate.
pub(super) fn serial(text: &[u8]) -> Option<String> {
    let (label, der) = section(text).ok()?;
    let (certificate, _) = element(&der, 0x30).filter(|_| label == "CERTIFICATE")?;
    let (fields, _) = element(certificate, 0x30)?;
    let fields = element(fields, 0xa0).map_or(fields, |(_, after)| after);
    let (number, _) = element(fields, 0x02)?;
    let text = hex::encode_upper(number);
    Some(text.trim_start_matches('0').to_owned())
}

/// The RSA key with this modulus and exponent, each a big-endian number: the PKCS #1
/// `RSAPublicKey`.
pub(super) fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Result<Vec<u8>, InvalidKey> {
    let numbers = [integer(modulus), integer(exponent)].concat();
    let key = with_header(0x30, &numbers);
    match is_weak(&key, KeyKind::Rsa) {
        Some(false) => Ok(key),
        _ => Err(InvalidKey::TooWeak),
    }
}

/// A DER INTEGER of a big-endian number that is not negative.
fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = &number[zeros..];
    // The first bit is the sign.
    let sign: &[u8] = match digits.first() {
        Some(1..=0x7f) => &[],
        _ => &[0],
    };
    with_header(0x02, &[sign, digits].concat())
}

/// A DER element with these contents.
fn with_header(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let mut element = vec![tag];
    match contents.len() {
        short @ 0..=0x7f => element.push(short as u8),
        _ => {
            element.push(0x80 | (length.len() - zeros) as u8);
            element.extend_from_slice(&length[zeros..]);
        }
    }
    element.extend_from_slice(contents);
    element
}

/// Whether the bytes have the outer form of an X.509 certificate.
pub(super) fn is_certificate(der: &[u8]) -> bool {
    certificate_spki(der).is_some()
}

/// Whether the key is too short to be safe. `None` if the key is damaged.
fn is_weak(key: &[u8], kind: KeyKind) -> Option<bool> {
    Some(kind == KeyKind::Rsa && modulus_bits(key)? < 2048)
}

/// The label and the contents of every PEM section. There is at least one.
pub(super) fn sections(text: &[u8]) -> Result<Vec<(String, Vec<u8>)>, InvalidKey> {
    let mut rest = std::str::from_utf8(text).map_err(|_| InvalidKey::NotPem)?;
    let mut all = vec![section(text)?];
    while let Some((_, after)) = rest.split_once("-----END ") {
        rest = after;
        if !rest.contains("-----BEGIN ") {
            break;
        }
        all.push(section(rest.as_bytes())?);
    }
    Ok(all)
}

/// The label and the contents of the first PEM section.
fn section(text: &[u8]) -> Result<(String, Vec<u8>), InvalidKey> {
    let (label, body) = std::str::from_utf8(text)
        .ok()
        .and_then(split_section)
        .ok_or(InvalidKey::NotPem)?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| InvalidKey::DamagedPem)?;
    Ok((label.to_owned(), der))
}

fn split_section(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    Some((label, body))
}

/// A SubjectPublicKeyInfo: SEQUENCE { SEQUENCE { … }, BIT STRING }.
struct KeyInfo<'d> {
    algorithm: &'d [u8],
    bits: &'d [u8],
}

impl<'d> KeyInfo<'d> {
    /// The key, if it is of this kind.
    fn key(&self, kind: KeyKind) -> Result<&'d [u8], InvalidKey> {
        match self.algorithm == kind.identifier() {
            true => Ok(self.bits),
            false => Err(InvalidKey::OtherKind(kind.name())),
        }
    }
}

/// Reads a SubjectPublicKeyInfo. `None` if it is damaged.
fn spki(der: &[u8]) -> Option<KeyInfo<'_>> {
    let (info, rest) = element(der, 0x30)?;
    let (algorithm, after) = element(info, 0x30)?;
    let (bits, end) = element(after, 0x03)?;
    let (unused, bits) = bits.split_first()?;
    let whole = *unused == 0 && rest.is_empty() && end.is_empty();
    whole.then_some(KeyInfo { algorithm, bits })
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

/// The bits of an RSAPublicKey's modulus, rounded up to the next full byte.
fn modulus_bits(der: &[u8]) -> Option<usize> {
    let (numbers, _) = element(der, 0x30)?;
    let (modulus, _) = element(numbers, 0x02)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    Some((modulus.len() - zeros) * 8)
}
