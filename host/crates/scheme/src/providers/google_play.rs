//! Google Play: real-time developer notifications, pushed by Pub/Sub with a token of Google's
//! (OpenID Connect) in `Authorization`.
//!
//! The token says who sends, and to whom; nothing signs the body, and one token serves for about an
//! hour. A token counts if Google signed it (RS256) for this source's `audience`, and for the
//! service account of the subscription: with another account anybody can have a token for any
//! audience. A token names its key by `kid`. Google's keys are fetched from its key set, or from
//! the same path at `keys_from`. If the secrets are keys (JWK set, JWK or PEM), these alone count
//! and nothing is fetched.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::certificates::CertificateTrust;
use crate::fetched_key::{FetchedKey, KeyError, KeyRequest};
use crate::headers::{ALWAYS_RECORDED, header, recorded};
use crate::jwk;
use crate::jws::{Jws, JwsAlgorithm};
use crate::key_ring::KeyRing;
use crate::named_key::NamedKey;
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Settings};
use crate::settings_reader::{KEYS_FROM, SettingsReader};
use crate::sign::{SignError, SignedRequest, UnsignedRequest, set_header};
use crate::stand_in::StandInKey;
use crate::time;
use crate::tolerance::Tolerance;
use crate::verified::{EqualBytes, ProviderEvent, digest_of};
use crate::verifier::Scheme;
use tollgate_base::event::{DedupBasis, Headers};
use tollgate_base::time::WallTime;

const TOKEN: &str = "authorization";
/// Where Google has its keys: origin and path.
const ORIGIN: &str = "https://www.googleapis.com";
const KEYS: &str = "/oauth2/v3/certs";
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
/// How far clocks may differ, as in Google's library for Node.
const SKEW: Duration = Duration::from_secs(300);
/// The longest life of a token, as in Google's library for Node.
const MAX_LIFE: Duration = Duration::from_secs(86_400);
/// The headers of a message whose wrapper Pub/Sub leaves out.
const MESSAGE_ID: &str = "x-goog-pubsub-message-id";
const PUBLISHED: &str = "x-goog-pubsub-publish-time";

struct GooglePlay {
    /// The keys that were given as secrets. Each secret may hold several.
    keys: KeyRing<Vec<NamedKey>>,
    /// The origin to fetch keys from, and whether the manifest names it.
    keys_from: Option<String>,
    audience: String,
    email: String,
    skew: Tolerance,
}

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    let keys = reader.optional_keys(|secret| NamedKey::read(secret, JwsAlgorithm::Rs256));
    if keys.len() > 0 {
        reader.reject_fetch_params(&[KEYS_FROM], "with keys as `secrets` none is");
    }
    let keys_from = reader.keys_from();
    let audience = reader.param(
        "audience",
        "the audience of the push subscription; by default the URL that it pushes to",
    );
    let email = reader.param(
        "email",
        "the service account of the push subscription: without it anybody could make a token",
    );
    let skew = reader.tolerance();
    let skew = skew.unwrap_or_else(|| Tolerance::both(SKEW));
    let scheme = audience.zip(email).map(|(audience, email)| GooglePlay {
        keys,
        keys_from,
        audience,
        email,
        skew,
    });
    let scheme = reader.finish(scheme)?;
    Ok(Box::new(scheme))
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: u64,
    iat: u64,
    #[serde(default)]
    email: String,
    #[serde(default)]
    email_verified: bool,
}

/// The token of a request, split but not checked.
fn token<'r>(request: &Request<'r>) -> Result<Jws<'r>, Rejection> {
    let value = header(request.headers, TOKEN)?;
    let bearer = value
        .split_once(' ')
        .filter(|(word, _)| word.eq_ignore_ascii_case("bearer"));
    let (_, token) = bearer
        .ok_or_else(|| Rejection::malformed_signature(TOKEN, "it is not `Bearer` and a token"))?;
    Jws::read(token.trim_start(), TOKEN, JwsAlgorithm::Rs256)
}

impl Scheme for GooglePlay {
    fn sign_with_key(
        &self,
        key: &StandInKey,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let UnsignedRequest { body, mut headers } = unsigned;
        let claims = serde_json::json!({
            "aud": self.audience,
            "email": self.email,
            "email_verified": true,
            "exp": now.as_secs() + 3600,
            "iat": now.as_secs(),
            "iss": ISSUERS[0],
        });
        let mut keys = self.keys.iter().flatten();
        let kid = keys.find_map(NamedKey::name).unwrap_or("stand-in");
        let token = key.jws(JwsAlgorithm::Rs256, kid, claims.to_string().as_bytes())?;
        set_header(&mut headers, TOKEN, &format!("Bearer {token}"))?;
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
        let kid = token.kid();
        if self.keys.len() == 0 {
            return match is_kid(kid) {
                true => Err(Rejection::KeyNeeded { id: kid.to_owned() }),
                false => Err(malformed("its `kid` is no name of a key")),
            };
        }
        if !self.keys.iter().flatten().any(|key| key.fits(&token)) {
            let kid = kid.escape_default();
            let why = format!("no key named `{kid}` was given as a secret");
            return Err(Rejection::UntrustedKey { why });
        }
        let verifies = |keys: &Vec<NamedKey>| keys.iter().any(|key| key.signed(&token));
        let secret = self.keys.matching(now, 1, verifies)?;
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
            return Err(Rejection::SignatureMismatch {
                signatures: 1,
                secrets: 1,
            });
        }
        self.events(request, &token, now)
    }

    fn checks_time(&self) -> bool {
        true
    }

    fn key_request(&self, _: &str, _: WallTime) -> Option<KeyRequest> {
        let origin = self.keys_from.as_deref().unwrap_or(ORIGIN);
        (self.keys.len() == 0).then(|| KeyRequest {
            url: format!("{origin}{KEYS}"),
            allow_private: self.keys_from.is_some(),
            body: None,
        })
    }

    fn read_key(
        &self,
        id: &str,
        answer: &[u8],
        _: &CertificateTrust,
        _: WallTime,
    ) -> Result<FetchedKey, KeyError> {
        let keys = jwk::keys(answer, JwsAlgorithm::Rs256).map_err(KeyError::Unreadable)?;
        let mut keys = keys.into_iter();
        let found = keys.find(|key| key.kid.as_deref() == Some(id));
        Ok(FetchedKey {
            key: JwsAlgorithm::Rs256.key(found.ok_or(KeyError::OtherKey)?.key),
            expired: None,
        })
    }

    fn warnings(&self) -> Vec<String> {
        vec![
            "Google signs a token and not the body: an attacker who sees one request can forge \
             others for about an hour; ask Google Play for the purchase before it counts"
                .to_owned(),
        ]
    }
}

/// Whether the text may be the name of a key.
fn is_kid(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

fn malformed(why: &str) -> Rejection {
    Rejection::malformed_signature(TOKEN, why)
}

impl GooglePlay {
    /// The event of a request whose token Google has signed.
    fn events(
        &self,
        request: &Request<'_>,
        token: &Jws<'_>,
        now: WallTime,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        let claims: Claims = serde_json::from_slice(&token.payload)
            .map_err(|_| malformed("its claims lack `iss`, `aud`, `exp` or `iat`"))?;
        self.check_claims(&claims)?;
        self.check_times(&claims, now)?;
        let headers = || recorded(request.headers, &ALWAYS_RECORDED);
        let read = event(request, headers());
        let digest = || digest_of([&request.body[..]]);
        let event = ProviderEvent::or_unreadable(read, digest, headers, request.body);
        Ok(vec![event])
    }

    /// Refuses a token for another audience or of another account.
    fn check_claims(&self, claims: &Claims) -> Result<(), Rejection> {
        let other = |what, found: &str| {
            Err(Rejection::OtherRecipient {
                what,
                found: found.to_owned(),
            })
        };
        if !ISSUERS.contains(&claims.iss.as_str()) {
            return other("issuer", &claims.iss);
        }
        if claims.aud != self.audience {
            return other("audience", &claims.aud);
        }
        if claims.email != self.email {
            return other("service account", &claims.email);
        }
        if !claims.email_verified {
            let unverified = format!("{}, which Google has not verified", claims.email);
            return other("service account", &unverified);
        }
        Ok(())
    }

    fn check_times(&self, claims: &Claims, now: WallTime) -> Result<(), Rejection> {
        let ends = WallTime::from_secs(claims.exp);
        let begins = WallTime::from_secs(claims.iat);
        let life = ends.since(now);
        if life > MAX_LIFE {
            return Err(Rejection::TimestampInFuture {
                ahead: life,
                tolerance: MAX_LIFE,
            });
        }
        // A token may be as old as its life, so each end has a bound of its own.
        self.skew.check(ends.min(now), now)?;
        self.skew.check(begins.max(now), now)
    }
}

/// A notification, with what Pub/Sub says about its message.
struct Notification {
    /// Whether the body is a message with the notification in it.
    wrapped: bool,
    message_id: Option<String>,
    published: Option<String>,
    data: Map<String, Value>,
}

impl Notification {
    /// Reads a body: a message with the notification in it, or the notification alone.
    fn read(request: &Request<'_>) -> Result<Self, Rejection> {
        let no_json = |what: &str| Rejection::MalformedBody {
            why: format!("{what} is no JSON object"),
        };
        let mut body: Map<String, Value> =
            serde_json::from_slice(request.body).map_err(|_| no_json("it"))?;
        let in_header = |name| header(request.headers, name).ok().map(str::to_owned);
        let Some(mut message) = body.remove("message") else {
            return Ok(Self {
                wrapped: false,
                message_id: in_header(MESSAGE_ID),
                published: in_header(PUBLISHED),
                data: body,
            });
        };
        let mut taken = |name: &str| message.get_mut(name).map(Value::take);
        let data = taken("data").and_then(|data| STANDARD.decode(data.as_str()?).ok());
        let data = data.and_then(|data| serde_json::from_slice(&data).ok());
        Ok(Self {
            wrapped: true,
            message_id: taken("messageId").as_ref().and_then(text),
            published: taken("publishTime").as_ref().and_then(text),
            data: data.ok_or_else(|| no_json("the `data` of its message"))?,
        })
    }

    /// What tells the message from others. Without the wrapper it may have no id; then the time of
    /// the event tells its bytes from those of other events.
    fn identity(&self, kind: &str, body: &[u8]) -> Result<DedupBasis, Rejection> {
        match &self.message_id {
            Some(id) => Ok(DedupBasis::SignedId(id.clone())),
            None if self.wrapped => Err(Rejection::MissingField {
                what: "event id",
                place: "`/message/messageId`".to_owned(),
            }),
            None => {
                let digest = hex::encode(Sha256::digest(body));
                Ok(DedupBasis::Fields(vec![kind.to_owned(), digest]))
            }
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.data.get(name).and_then(text)
    }

    /// What happened: the first member that is a notification, and its name.
    fn what(&self) -> Option<(&String, &Value)> {
        let mut members = self.data.iter();
        members.find(|(name, value)| name.ends_with("Notification") && value.is_object())
    }
}

/// The text of a value: a string that is not empty, or a number.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn event(request: &Request<'_>, headers: Headers) -> Result<ProviderEvent, Rejection> {
    let notification = Notification::read(request)?;
    let missing = || Rejection::MissingField {
        what: "event type",
        place: "`data`, a member `…Notification`".to_owned(),
    };
    let (name, what) = notification.what().ok_or_else(missing)?;
    let kind = match what.get("notificationType").and_then(text) {
        Some(number) => format!("{name}.{number}"),
        None => name.clone(),
    };
    let purchase = what.get("purchaseToken").and_then(text);
    let happened = notification.text("eventTimeMillis");
    let created = happened.as_ref().or(notification.published.as_ref());
    let dedup = notification.identity(&kind, request.body)?;
    Ok(ProviderEvent {
        provider_id: notification.message_id.clone(),
        kind,
        subject: purchase,
        account: notification.text("packageName"),
        created: created.and_then(|created| time::created(created)),
        dedup,
        more_dedup: Vec::new(),
        equal_bytes: EqualBytes::SameFact,
        live: None,
        unreadable: None,
        headers,
        payload: request.body.clone(),
    })
}
