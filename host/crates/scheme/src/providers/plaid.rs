//! Plaid: a JWT (ES256) in a header, with the hash of the body and the time of signing.
//!
//! A request names its key by `kid`. With `client_id`, the secrets are those of Plaid's API, and
//! keys are fetched by name from `/webhook_verification_key/get` there or at `keys_from`. Without
//! `client_id`, the secrets are the public keys themselves, as the API gives them (JWK) or in PEM,
//! and any other key is refused.

use ring::signature::UnparsedPublicKey;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::certificates::CertificateTrust;
use crate::fetched_key::{FetchedKey, KeyError, KeyRequest};
use crate::headers::{ALWAYS_RECORDED, header, recorded};
use crate::invalid_key::InvalidKey;
use crate::jwk;
use crate::jws::{Jws, JwsAlgorithm};
use crate::key_ring::KeyRing;
use crate::pem::{self, KeyKind};
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Setting, Settings};
use crate::settings_reader::{KEYS_FROM, SettingsReader};
use crate::sign::{SignError, SignedRequest, UnsignedRequest, set_header};
use crate::stand_in::StandInKey;
use crate::time;
use crate::tolerance::Tolerance;
use crate::verified::{EqualBytes, ProviderEvent, digest_of};
use crate::verifier::Scheme;
use tollgate_base::event::{DedupBasis, Headers};
use tollgate_base::json::{self, PointerSet};
use tollgate_base::secret::{Secret, equal};
use tollgate_base::time::WallTime;

const TOKEN: &str = "plaid-verification";

/// The greatest age of a token, by Plaid's documents.
const TOLERANCE: std::time::Duration = std::time::Duration::from_secs(300);

struct Plaid {
    /// The keys that were given as secrets. Empty if `api` is set.
    keys: KeyRing<PublicKey>,
    /// The API to ask for keys.
    api: Option<Api>,
    tolerance: Tolerance,
    pointers: PointerSet,
}

/// Plaid's API, which gives keys by their names.
struct Api {
    client_id: String,
    secrets: KeyRing<Secret>,
    origin: String,
    /// Whether the manifest names the origin.
    own_origin: bool,
}

struct PublicKey {
    /// The name of the key. A key in PEM has no name.
    kid: Option<String>,
    /// The time from which Plaid no longer signs with the key.
    expired: Option<WallTime>,
    key: UnparsedPublicKey<Vec<u8>>,
}

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    let (keys, api) = match reader.optional_param("client_id") {
        Some(client_id) => (KeyRing::new([]), Some(api(&mut reader, client_id))),
        None => {
            let why = "without `client_id` none is";
            reader.reject_fetch_params(&[KEYS_FROM, "environment"], why);
            (reader.keys(public_key), None)
        }
    };
    let tolerance = reader
        .tolerance()
        .unwrap_or_else(|| Tolerance::both(TOLERANCE));
    let pointers = PointerSet::new(&["/webhook_type", "/webhook_code", "/item_id", "/environment"]);
    let pointers = pointers.expect("they are pointers");
    let scheme = reader.finish(Some(Plaid {
        keys,
        api,
        tolerance,
        pointers,
    }))?;
    Ok(Box::new(scheme))
}

/// Reads the settings for Plaid's API.
fn api(reader: &mut SettingsReader<'_>, client_id: String) -> Api {
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
    let keys_from = reader.keys_from();
    Api {
        client_id,
        secrets: reader.keys(|secret| Ok(secret.clone())),
        own_origin: keys_from.is_some(),
        origin: keys_from.unwrap_or_else(|| origin.to_owned()),
    }
}

/// Reads a key in PEM, as JWK, or as Plaid's API answers.
fn public_key(secret: &Secret) -> Result<PublicKey, InvalidKey> {
    let text = secret.expose().trim_ascii();
    if !text.starts_with(b"{") {
        let point = pem::public_key(text, KeyKind::P256)?;
        return Ok(PublicKey {
            kid: None,
            expired: None,
            key: on_curve(point)?,
        });
    }
    let mut keys = jwk::keys(text, JwsAlgorithm::Es256)?;
    let first = keys.drain(..).next().ok_or(InvalidKey::NotJwk)?;
    Ok(PublicKey {
        kid: first.kid,
        expired: first.expired,
        key: on_curve(first.key)?,
    })
}

/// The key of an uncompressed point: a 4, then 32 bytes each of x and y.
fn on_curve(point: Vec<u8>) -> Result<UnparsedPublicKey<Vec<u8>>, InvalidKey> {
    if point.len() != 65 || point[0] != 4 {
        return Err(InvalidKey::NotOnCurve);
    }
    Ok(JwsAlgorithm::Es256.key(point))
}

#[derive(Deserialize)]
struct Claims {
    /// The time of signing in seconds (RFC 7519: a number, perhaps with a fraction).
    iat: serde_json::Number,
    request_body_sha256: String,
}

impl Claims {
    fn signed_at(&self) -> Result<WallTime, Rejection> {
        let whole = self.iat.as_u64().map(WallTime::from_secs);
        let written = self.iat.to_string();
        let time = whole.or_else(|| time::created(&written));
        time.ok_or_else(|| malformed("its `iat` is no time"))
    }
}

/// The token of a request, split but not checked.
fn token<'r>(request: &Request<'r>) -> Result<Jws<'r>, Rejection> {
    Jws::read(header(request.headers, TOKEN)?, TOKEN, JwsAlgorithm::Es256)
}

impl Scheme for Plaid {
    fn sign_with_key(
        &self,
        key: &StandInKey,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let UnsignedRequest { body, mut headers } = unsigned;
        let claims = serde_json::json!({
            "iat": now.as_secs(),
            "request_body_sha256": hex::encode(Sha256::digest(&body)),
        });
        let named = self.keys.iter().find_map(|key| key.kid.as_deref());
        let kid = named.unwrap_or("stand-in");
        let token = key.jws(JwsAlgorithm::Es256, kid, claims.to_string().as_bytes())?;
        set_header(&mut headers, TOKEN, &token)?;
        Ok(SignedRequest {
            headers,
            body,
            query: None,
        })
    }

    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let token = token(request)?;
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
        let token = token(request)?;
        if token.kid() != id || !token.is_signed_by(&key.key) {
            return Err(mismatch());
        }
        check_in_use(id, key.expired, now)?;
        self.events(request, &token, now)
    }

    fn checks_time(&self) -> bool {
        true
    }

    fn has_mode(&self) -> bool {
        true
    }

    fn key_request(&self, id: &str, now: WallTime) -> Option<KeyRequest> {
        let api = self.api.as_ref()?;
        let secret = std::str::from_utf8(api.secrets.first_unexpired(now)?.expose()).ok()?;
        let body = serde_json::json!({
            "client_id": api.client_id,
            "secret": secret,
            "key_id": id,
        });
        Some(KeyRequest {
            url: format!("{}/webhook_verification_key/get", api.origin),
            allow_private: api.own_origin,
            body: Some(Secret::new(body.to_string())),
        })
    }

    fn read_key(
        &self,
        id: &str,
        answer: &[u8],
        _: &CertificateTrust,
        _: WallTime,
    ) -> Result<FetchedKey, KeyError> {
        let found = public_key(&Secret::new(answer)).map_err(KeyError::Unreadable)?;
        match found.kid.as_deref() == Some(id) {
            true => Ok(FetchedKey {
                key: found.key,
                expired: found.expired,
            }),
            false => Err(KeyError::OtherKey),
        }
    }
}

/// Whether the text may be the name of a key: Plaid's names are UUIDs.
fn is_kid(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Refuses an expired key.
fn check_in_use(kid: &str, expired: Option<WallTime>, now: WallTime) -> Result<(), Rejection> {
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

impl Plaid {
    /// The index of the secret that signed the token.
    fn matching(&self, token: &Jws<'_>, now: WallTime) -> Result<usize, Rejection> {
        let kid = token.kid();
        let named = |key: &PublicKey| key.kid.as_deref().is_none_or(|own| own == kid);
        if !self.keys.iter().any(named) {
            let why = format!(
                "no key named `{}` was given as a secret",
                kid.escape_default()
            );
            return Err(Rejection::UntrustedKey { why });
        }
        let verifies = |key: &PublicKey| named(key) && token.is_signed_by(&key.key);
        let at = self.keys.matching(now, 1, verifies)?;
        let expired = self.keys.iter().nth(at).and_then(|key| key.expired);
        check_in_use(kid, expired, now)?;
        Ok(at)
    }

    /// The event of a request with a valid token, if the token is for this body and is not too old.
    fn events(
        &self,
        request: &Request<'_>,
        token: &Jws<'_>,
        now: WallTime,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        let claims: Claims = serde_json::from_slice(&token.payload)
            .map_err(|_| malformed("its claims lack `iat` or `request_body_sha256`"))?;
        let actual = hex::encode(Sha256::digest(request.body));
        let claimed = claims.request_body_sha256.as_bytes();
        if !equal(actual.as_bytes(), claimed) {
            return Err(mismatch());
        }
        let signed = claims.signed_at()?;
        self.tolerance
            .check(signed, WallTime::from_secs(now.as_secs()))?;
        let headers = || recorded(request.headers, &ALWAYS_RECORDED);
        let read = self.event(request, signed, headers());
        let time = signed.as_millis().to_string();
        let parts: [&[u8]; 2] = [time.as_bytes(), request.body];
        let event = ProviderEvent::or_unreadable(read, || digest_of(parts), headers, request.body);
        Ok(vec![event])
    }

    /// The event of a body. The bytes of some notices never change, such as those of
    /// `TRANSFER_EVENTS_UPDATE`: the signed time tells them apart.
    fn event(
        &self,
        request: &Request<'_>,
        signed: WallTime,
        headers: Headers,
    ) -> Result<ProviderEvent, Rejection> {
        let found = json::pluck_borrowed(request.body, &self.pointers)?;
        let text = |at: usize| found.get(at)?.as_ref()?.as_text();
        let (Some(family), Some(code)) = (text(0), text(1)) else {
            let place = "`/webhook_type` and `/webhook_code`".to_owned();
            return Err(Rejection::MissingField {
                what: "event type",
                place,
            });
        };
        let kind = format!("{family}.{code}");
        let digest = hex::encode(Sha256::digest(request.body));
        let signed = signed.as_millis().to_string();
        Ok(ProviderEvent {
            provider_id: None,
            subject: text(2).map(str::to_owned),
            account: None,
            created: None,
            dedup: DedupBasis::Fields(vec![signed, kind.clone(), digest]),
            kind,
            more_dedup: Vec::new(),
            equal_bytes: EqualBytes::SameFact,
            live: text(3).map(|environment| environment == "production"),
            unreadable: None,
            headers,
            payload: request.body.clone(),
        })
    }
}

fn malformed(why: &str) -> Rejection {
    Rejection::malformed_signature(TOKEN, why)
}
