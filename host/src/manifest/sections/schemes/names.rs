//! The words of a described scheme.

use tollgate_scheme::{Algorithm, DedupBy, KeyEncoding, Layout, SignatureEncoding, TimeUnit};

use crate::manifest::table::Variants;

pub(super) const ALGORITHMS: Variants<Algorithm> = &[
    ("hmac-sha1", Algorithm::HmacSha1),
    ("hmac-sha256", Algorithm::HmacSha256),
    ("hmac-sha384", Algorithm::HmacSha384),
    ("hmac-sha512", Algorithm::HmacSha512),
    ("md5", Algorithm::Md5),
    ("sha1", Algorithm::Sha1),
    ("sha256", Algorithm::Sha256),
    ("sha384", Algorithm::Sha384),
    ("sha512", Algorithm::Sha512),
    ("ed25519", Algorithm::Ed25519),
    ("rsa-pkcs1-sha1", Algorithm::RsaPkcs1Sha1),
    ("rsa-pkcs1-sha256", Algorithm::RsaPkcs1Sha256),
    ("static-equal", Algorithm::StaticEqual),
    ("static-sha256", Algorithm::StaticSha256),
];

pub(super) const KEY_ENCODINGS: Variants<KeyEncoding> = &[
    ("utf8", KeyEncoding::Utf8),
    ("hex", KeyEncoding::Hex),
    ("hex-or-utf8", KeyEncoding::HexOrUtf8),
    ("base64", KeyEncoding::Base64),
    ("pem", KeyEncoding::Pem),
    ("der", KeyEncoding::Der),
];

pub(super) const LAYOUTS: Variants<Layout> = &[
    ("bare", Layout::Bare),
    ("pairs", Layout::Pairs),
    ("versions", Layout::Versions),
    ("time-first", Layout::TimeFirst),
    ("triples", Layout::Triples),
];

pub(super) const SIGNATURE_ENCODINGS: Variants<SignatureEncoding> = &[
    ("hex", SignatureEncoding::Hex),
    ("hex-upper", SignatureEncoding::HexUpper),
    ("hex-any-case", SignatureEncoding::HexAnyCase),
    ("base64", SignatureEncoding::Base64),
    ("base64url", SignatureEncoding::Base64url),
    ("percent-base64", SignatureEncoding::PercentBase64),
    ("hex-or-base64", SignatureEncoding::HexOrBase64),
    ("text", SignatureEncoding::Text),
];

pub(super) const UNITS: Variants<TimeUnit> = &[
    ("seconds", TimeUnit::Seconds),
    ("milliseconds", TimeUnit::Milliseconds),
    ("either", TimeUnit::Either),
];

pub(super) const DEDUPS: Variants<DedupBy> = &[
    ("id", DedupBy::Id),
    ("id-or-body", DedupBy::IdOrBody),
    ("id-and-body", DedupBy::IdAndBody),
    ("body", DedupBy::Body),
];
