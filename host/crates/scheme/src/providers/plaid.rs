//! Plaid: a JWT (ES256) in a header, which carries the body's hash and when it was signed.
//!
//! A request names its key by `kid`. With `client_id`, the secrets are the API's and keys are
//! fetched by name from `/webhook_verification_key/get`, there or at `keys_from`; without it the secrets are the public
//! keys themselves, as that gives them (JWK) or in PEM, and any other key is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::fetched::{CertificateTrust, FetchedKey, KeyRequest, KeyTrouble};
use crate::headers::{ALWAYS, header, recorded};
use crate::keys::Keys;
use crate::pem::{self, KeyKind};
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Setting, Settings};
use crate::settings_reader::{KEYS_FROM, Reader};
use crate::tolerance::Tolerance;
use crate::verified::ProviderEvent;
use crate::verifier::Scheme;
use tollgate_base::event::DedupBasis;
use tollgate_base::json::{self, PointerSet};
use tollgate_base::secret::{Secret, equal};
use tollgate_base::time::WallTime;

const TOKEN: &str = "plaid-verification";

/// Plaid's own bound on a token's age.
const TOLERANCE: std::time::Duration = std::time::Duration::from_secs(300);

struct Plaid {
    /// Those that were given as secrets …
    keys: Keys<PublicKey>,
    /// … or where to ask for them.
    api: Option<Api>,
    tolerance: Tolerance,
    pointers: PointerSet,
}

/// Plaid's API, which gives out keys by their names.
struct Api {
    client_id: String,
    secrets: Keys<Secret>,
    origin: String,
    /// Whether the manifest names the origin.
    given: bool,
}

struct PublicKey {
    /// `None` for a key in PEM, which has no name.
    kid: Option<String>,
    /// Milliseconds since the Unix epoch.
    expired: Option<WallTime>,
    key: UnparsedPublicKey<Vec<u8>>,
}

/// The scheme with a source's settings.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = Reader::new(name, settings);
    let (keys, api) = match reader.optional_param("client_id") {
        Some(client_id) => (Keys::new([]), Some(api(&mut reader, client_id))),
        None => {
            let why = "without `client_id` none is";
            reader.fetches_nothing(&[KEYS_FROM, "environment"], why);
            (reader.keys(public_key), None)
        }
    };
    let tolerance = reader
        .tolerance()
        .unwrap_or_else(|| Tolerance::both(TOLERANCE));
    let pointers = PointerSet::new(&["/webhook_type", "/webhook_code", "/item_id"]);
    let pointers = pointers.expect("they are pointers");
    let made = reader.finish(Some(Plaid {
        keys,
        api,
        tolerance,
        pointers,
    }))?;
    Ok(Box::new(made))
}

fn api(reader: &mut Reader<'_>, client_id: String) -> Api {
    let environment = reader.optional_param("environment");
    let origin = match environment.as_deref() {
        None | Some("production") => "https://production.plaid.com",
        Some("sandbox") => "https://sandbox.plaid.com",
        Some(_) => {
            let message = "there are `production` and `sandbox`".to_owned();
            reader.mistake(Setting::Param("environment".to_owned()), message);
            ""
        }
    };
    let given = reader.keys_from();
    Api {
        client_id,
        secrets: reader.keys(|secret| Ok(secret.clone())),
        given: given.is_some(),
        origin: given.unwrap_or_else(|| origin.to_owned()),
    }
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
        expired: jwk.expired_at.map(WallTime::from_secs),
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
pub(crate) struct Token<'t> {
    header: TokenHeader,
    signed: &'t str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl Scheme for Plaid {
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let token = Token::read(header(request.headers, TOKEN)?)?;
        if self.api.is_some() {
            let id = token.kid().to_owned();
            return match is_kid(&id) {
                true => Err(Rejection::KeyNeeded { id }),
                false => Err(malformed("its `kid` is no name of a key")),
            };
        }
        let secret = self.matching(&token, now)?;
        Ok((Some(secret), self.events(request, &token, now)?))
    }

    fn verify_with(
        &self,
        request: &Request<'_>,
        now: WallTime,
        id: &str,
        key: &FetchedKey,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        let token = Token::read(header(request.headers, TOKEN)?)?;
        let signed = token.signed.as_bytes();
        if token.kid() != id || key.key.verify(signed, &token.signature).is_err() {
            return Err(mismatch());
        }
        in_use(id, key.expired, now)?;
        self.events(request, &token, now)
    }

    fn checks_time(&self) -> bool {
        true
    }

    fn key_request(&self, id: &str, now: WallTime) -> Option<KeyRequest> {
        let api = self.api.as_ref()?;
        let secret = std::str::from_utf8(api.secrets.first_in_force(now)?.expose()).ok()?;
        let body = serde_json::json!({
            "client_id": api.client_id,
            "secret": secret,
            "key_id": id,
        });
        Some(KeyRequest {
            url: format!("{}/webhook_verification_key/get", api.origin),
            anywhere: api.given,
            body: Some(Secret::new(body.to_string())),
        })
    }

    fn read_key(
        &self,
        id: &str,
        answer: &[u8],
        _: &CertificateTrust,
        _: WallTime,
    ) -> Result<FetchedKey, KeyTrouble> {
        let found = public_key(&Secret::new(answer))
            .map_err(|why| KeyTrouble::Unusable(format!("the answer {why}")))?;
        match found.kid.as_deref() == Some(id) {
            true => Ok(FetchedKey {
                key: found.key,
                expired: found.expired,
            }),
            false => {
                let why = "the answer holds another key".to_owned();
                Err(KeyTrouble::Unusable(why))
            }
        }
    }
}

/// Whether this may be a key's name: Plaid's are UUIDs.
fn is_kid(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Refuses a key that Plaid has ended.
fn in_use(kid: &str, expired: Option<WallTime>, now: WallTime) -> Result<(), Rejection> {
    if expired.is_some_and(|expired| expired <= now) {
        let why = format!("the key `{}` has expired", kid.escape_default());
        return Err(Rejection::UntrustedKey { why });
    }
    Ok(())
}

fn mismatch() -> Rejection {
    Rejection::SignatureMismatch {
        signatures: 1,
        secrets: 1,
    }
}

impl<'t> Token<'t> {
    pub(crate) fn read(text: &'t str) -> Result<Self, Rejection> {
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

    /// The name of the key that it is signed with.
    fn kid(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }
}

impl Plaid {
    fn matching(&self, token: &Token<'_>, now: WallTime) -> Result<usize, Rejection> {
        let kid = token.kid();
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
        in_use(
            kid,
            self.keys.iter().nth(at).and_then(|key| key.expired),
            now,
        )?;
        Ok(at)
    }

    /// The event of a request whose token is rightly signed, if it is this request's.
    fn events(
        &self,
        request: &Request<'_>,
        token: &Token<'_>,
        now: WallTime,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        let claims: Claims = serde_json::from_slice(&token.claims)
            .map_err(|_| malformed("its claims lack `iat` or `request_body_sha256`"))?;
        let actual = hex::encode(Sha256::digest(request.body));
        let claimed = claims.request_body_sha256.as_bytes();
        if !equal(actual.as_bytes(), claimed) {
            return Err(mismatch());
        }
        self.tolerance.check(
            WallTime::from_secs(claims.iat),
            WallTime::from_secs(now.as_secs()),
        )?;
        Ok(vec![self.event(request)?])
    }

    fn event(&self, request: &Request<'_>) -> Result<ProviderEvent, Rejection> {
        let found = json::pluck(request.body, &self.pointers)?;
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
            headers: recorded(request.headers, &ALWAYS),
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
