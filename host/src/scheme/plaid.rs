//! Plaid: a JWT (ES256) in a header, which carries the body's hash and when it was signed.
//!
//! The secrets are the public keys: JWKs as Plaid's `/webhook_verification_key/get` gives
//! them, or PEM. A request names its key by `kid`; one that is not among them is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::declarative::Tolerance;
use super::headers::{ALWAYS, header, recorded};
use super::keys::Keys;
use super::pem::{self, KeyKind};
use super::settings::Reader;
use super::{BuildError, ProviderEvent, Rejection, Request, Scheme, Settings};
use crate::event::{DedupBasis, UnixMillis};
use crate::json::{self, PointerSet};
use crate::secret::Secret;

const TOKEN: &str = "plaid-verification";

/// Plaid's own bound on a token's age.
const TOLERANCE: std::time::Duration = std::time::Duration::from_secs(300);

struct Plaid {
    keys: Keys<PublicKey>,
    tolerance: Tolerance,
    pointers: PointerSet,
}

struct PublicKey {
    /// `None` for a key in PEM, which has no name.
    kid: Option<String>,
    /// Milliseconds since the Unix epoch.
    expired: Option<UnixMillis>,
    key: UnparsedPublicKey<Vec<u8>>,
}

/// The scheme with a source's settings.
pub(super) fn make(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = Reader::new(name, settings);
    let keys = reader.keys(public_key);
    let tolerance = reader
        .tolerance()
        .unwrap_or_else(|| Tolerance::both(TOLERANCE));
    let pointers = PointerSet::new(&["/webhook_type", "/webhook_code", "/item_id"]);
    let pointers = pointers.expect("they are pointers");
    let made = reader.finish(Some(Plaid {
        keys,
        tolerance,
        pointers,
    }))?;
    Ok(Box::new(made))
}

/// A JSON Web Key (RFC 7517), as far as it concerns ES256.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    kid: Option<String>,
    alg: Option<String>,
    x: String,
    y: String,
    /// Seconds since the Unix epoch; null while the key is in use.
    expired_at: Option<u64>,
}

fn public_key(secret: &Secret) -> Result<PublicKey, String> {
    let text = secret.expose().trim_ascii();
    if !text.starts_with(b"{") {
        let point = pem::public_key(text, KeyKind::P256)?;
        return Ok(PublicKey {
            kid: None,
            expired: None,
            key: on_curve(point)?,
        });
    }
    // Plaid's answer holds the key under `key`; either is taken.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Answer { key: Jwk },
        Key(Jwk),
    }
    let given: Given = serde_json::from_slice(text)
        .map_err(|_| "is no JWK: it needs `kty`, `crv`, `x` and `y`".to_owned())?;
    let (Given::Answer { key: jwk } | Given::Key(jwk)) = given;
    if jwk.kty != "EC" || jwk.crv != "P-256" || jwk.alg.is_some_and(|alg| alg != "ES256") {
        return Err("is a JWK for another algorithm than ES256 on P-256".to_owned());
    }
    let coordinate = |text: &str| {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .filter(|bytes| bytes.len() == 32);
        bytes.ok_or_else(|| "is a JWK whose `x` or `y` is not 32 bytes in base64url".to_owned())
    };
    let point = [vec![4], coordinate(&jwk.x)?, coordinate(&jwk.y)?].concat();
    Ok(PublicKey {
        kid: jwk.kid,
        expired: jwk.expired_at.map(|seconds| seconds.saturating_mul(1000)),
        key: on_curve(point)?,
    })
}

/// An uncompressed point: a 4, then 32 bytes each of x and y.
fn on_curve(point: Vec<u8>) -> Result<UnparsedPublicKey<Vec<u8>>, String> {
    if point.len() != 65 || point[0] != 4 {
        return Err("is not a public key on P-256".to_owned());
    }
    Ok(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point))
}

#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    iat: u64,
    request_body_sha256: String,
}

/// A token (RFC 7515), taken apart but not believed.
struct Token<'t> {
    header: TokenHeader,
    signed: &'t str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl Scheme for Plaid {
    fn verify(
        &self,
        request: &Request<'_>,
        now: UnixMillis,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let token = Token::read(header(request.headers, TOKEN)?)?;
        let secret = self.matching(&token, now)?;
        let claims: Claims = serde_json::from_slice(&token.claims)
            .map_err(|_| malformed("its claims lack `iat` or `request_body_sha256`"))?;
        let actual = hex::encode(Sha256::digest(request.body));
        if !bool::from(
            actual
                .as_bytes()
                .ct_eq(claims.request_body_sha256.as_bytes()),
        ) {
            return Err(Rejection::SignatureMismatch {
                signatures: 1,
                secrets: self.keys.len(),
            });
        }
        self.tolerance
            .check(claims.iat.saturating_mul(1000), now - now % 1000)?;
        Ok((Some(secret), vec![self.event(request)?]))
    }

    fn checks_time(&self) -> bool {
        true
    }
}

impl<'t> Token<'t> {
    fn read(text: &'t str) -> Result<Self, Rejection> {
        let shape = || malformed("it is not three parts with dots between them");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(shape)?;
        let (header, claims) = signed.split_once('.').ok_or_else(shape)?;
        let part = |text: &str| {
            URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|_| malformed("a part of it is no base64url"))
        };
        let header: TokenHeader = serde_json::from_slice(&part(header)?)
            .map_err(|_| malformed("its header is not readable"))?;
        // Whatever else a token says of itself (`none`, an HMAC under the public key) is not
        // what Plaid sends.
        if header.alg != "ES256" {
            return Err(Rejection::NoKnownSignature {
                place: TOKEN.to_owned(),
                wanted: "ES256".to_owned(),
            });
        }
        if header.crit.is_some() {
            return Err(malformed("it demands extensions"));
        }
        Ok(Self {
            header,
            signed,
            claims: part(claims)?,
            signature: part(signature)?,
        })
    }
}

impl Plaid {
    fn matching(&self, token: &Token<'_>, now: UnixMillis) -> Result<usize, Rejection> {
        let kid = token.header.kid.as_deref().unwrap_or_default();
        let named = |key: &PublicKey| key.kid.as_deref().is_none_or(|own| own == kid);
        if !self.keys.iter().any(named) {
            let why = format!(
                "no key named `{}` was given as a secret",
                kid.escape_default()
            );
            return Err(Rejection::UntrustedKey { why });
        }
        let message = token.signed.as_bytes();
        let holds =
            |key: &PublicKey| named(key) && key.key.verify(message, &token.signature).is_ok();
        let at = self.keys.which(now, 1, holds)?;
        let expired = self.keys.iter().nth(at).and_then(|key| key.expired);
        if expired.is_some_and(|expired| expired <= now) {
            let why = format!("the key `{}` has expired", kid.escape_default());
            return Err(Rejection::UntrustedKey { why });
        }
        Ok(at)
    }

    fn event(&self, request: &Request<'_>) -> Result<ProviderEvent, Rejection> {
        let found = json::pluck(request.body, &self.pointers).map_err(|error| {
            Rejection::MalformedBody {
                why: error.to_string(),
            }
        })?;
        let text = |at: usize| {
            found
                .get(at)?
                .as_ref()?
                .as_str()
                .filter(|text| !text.is_empty())
        };
        let (Some(family), Some(code)) = (text(0), text(1)) else {
            let place = "`/webhook_type` and `/webhook_code`".to_owned();
            return Err(Rejection::MissingField {
                what: "event type",
                place,
            });
        };
        let kind = format!("{family}.{code}");
        Ok(ProviderEvent {
            provider_id: None,
            subject: text(2).map(str::to_owned),
            account: None,
            created: None,
            basis: DedupBasis::Body {
                kind: kind.clone(),
                digest: Sha256::digest(request.body).into(),
            },
            kind,
            also: Vec::new(),
            headers: recorded(request.headers, ALWAYS),
            payload: request.body.clone(),
        })
    }
}

fn malformed(why: &str) -> Rejection {
    Rejection::MalformedSignature {
        place: TOKEN.to_owned(),
        why: why.to_owned(),
    }
}
