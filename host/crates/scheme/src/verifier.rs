//! The work of one scheme, and the verifier that the gateway uses.

use std::fmt;
use std::time::Duration;

use super::answer::{Answer, RequestOutcome};
use super::certificates::CertificateTrust;
use super::fetched_key::{FetchedKey, KeyError, KeyRequest, Visit};
use super::rejection::Rejection;
use super::request::Request;
use super::settings::{BuildError, DedupChoice, OnUnreadable, Setting, Settings};
use super::sign::{SignError, SignedRequest, UnsignedRequest};
use super::stand_in::StandInKey;
use super::verified::{Accepted, ProviderEvent, Verified};
use tollgate_base::time::WallTime;

/// How long a hash of an event's bytes is a duplicate, if nothing tells for how long the provider
/// resends. Adyen resends for longest, 30 days.
pub(super) const RESENDS_FOR: Duration = Duration::from_secs(35 * 86_400);

/// One scheme with its keys decoded and ready.
pub struct Verifier {
    name: String,
    on_unreadable: OnUnreadable,
    scheme: Box<dyn Scheme>,
}

/// The work of one scheme. All templates share one implementation, `Declarative`; each coded
/// provider has its own.
pub(super) trait Scheme: Send + Sync {
    /// Checks the signature, then reads the events. Also returns the index of the secret that
    /// matched, if the scheme needs a secret.
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection>;

    /// Like `verify`, with the key that [`Rejection::KeyNeeded`] named.
    fn verify_with(
        &self,
        request: &Request<'_>,
        now: WallTime,
        _id: &str,
        _key: &FetchedKey,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        self.verify(request, now).map(|(_, events)| events)
    }

    /// How to ask the provider for a key. `None` if no provider may be asked.
    fn key_request(&self, _id: &str, _now: WallTime) -> Option<KeyRequest> {
        None
    }

    /// The key in the provider's answer, or why there is none that can be used.
    fn read_key(
        &self,
        _id: &str,
        _answer: &[u8],
        _trust: &CertificateTrust,
        _now: WallTime,
    ) -> Result<FetchedKey, KeyError> {
        Err(KeyError::NotFetched)
    }

    /// What must be visited before a request that was verified is acknowledged.
    fn visit(&self, _request: &Request<'_>) -> Option<Visit> {
        None
    }

    /// The answer that the provider expects.
    fn answer(&self, outcome: RequestOutcome) -> Answer {
        match outcome {
            RequestOutcome::Accepted | RequestOutcome::Duplicate => {
                Answer::empty(http::StatusCode::OK)
            }
            RequestOutcome::Rejected => Answer::empty(http::StatusCode::BAD_REQUEST),
        }
    }

    /// The answer to a request by which the provider checks that the endpoint is ours. `None` if
    /// this is no such request.
    fn challenge(&self, _request: &Request<'_>, _now: WallTime) -> Option<Answer> {
        None
    }

    /// Whether a request is refused once its signed time is too old, so that a captured request
    /// is useless later.
    fn checks_time(&self) -> bool {
        false
    }

    /// Whether a hash of the event's bytes tells events apart, at least some events: see
    /// [`Verifier::told_by_hash`].
    fn told_by_hash(&self) -> bool {
        false
    }

    /// Whether an id that is not signed tells events apart, together with their bytes.
    fn by_unsigned_id(&self) -> bool {
        false
    }

    /// Whether events say if they are of live mode.
    fn has_mode(&self) -> bool {
        false
    }

    /// The methods by which the provider delivers events. A challenge may come by another method.
    fn methods(&self) -> &'static [http::Method] {
        const POST: &[http::Method] = &[http::Method::POST];
        POST
    }

    /// The weaknesses of the scheme, for an operator.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Signs a request as the provider would, under the secret with this index.
    fn sign(
        &self,
        _secret: usize,
        _unsigned: UnsignedRequest,
        _now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        Err(SignError::NotShared)
    }

    /// Signs a request with a private key that stands in for the provider's.
    fn sign_with_key(
        &self,
        _key: &StandInKey,
        _unsigned: UnsignedRequest,
        _now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        Err(SignError::Shared)
    }
}

impl Verifier {
    /// A verifier for a scheme with this name.
    ///
    /// # Errors
    /// A setting that asks for something that the scheme does not have.
    pub(super) fn new(
        name: &str,
        scheme: Box<dyn Scheme>,
        asked: &AskedOfEvents,
    ) -> Result<Self, Vec<BuildError>> {
        let mistakes = asked.mistakes(name, &*scheme);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            name: name.to_owned(),
            on_unreadable: asked.on_unreadable,
            scheme,
        })
    }

    /// The events of an accepted request. Refuses an event that cannot be read, if the source wants
    /// that.
    fn checked(
        &self,
        events: Vec<ProviderEvent>,
    ) -> Result<Verified<Vec<ProviderEvent>>, Rejection> {
        if self.on_unreadable == OnUnreadable::Refuse {
            let mut unreadable = events.iter().filter_map(|event| event.unreadable.clone());
            if let Some(why) = unreadable.next() {
                return Err(why);
            }
        }
        Ok(Verified::new(events))
    }

    /// Checks the signature of a request, then reads its events.
    pub fn verify(&self, request: &Request<'_>, now: WallTime) -> Result<Accepted, Rejection> {
        let (secret, events) = self.scheme.verify(request, now)?;
        Ok(Accepted {
            secret,
            events: self.checked(events)?,
            visit: self.scheme.visit(request),
        })
    }

    /// Verifies a request that was signed here, as if it were posted to this path.
    pub fn verify_signed(
        &self,
        signed: &SignedRequest,
        path: &str,
        now: WallTime,
    ) -> Result<Accepted, Rejection> {
        let query = signed.query.as_ref().map(|query| format!("?{query}"));
        let request = Request {
            method: &http::Method::POST,
            url: &format!("{path}{}", query.unwrap_or_default()),
            headers: &signed.headers,
            body: &signed.body,
        };
        self.verify(&request, now)
    }

    /// Like [`Verifier::verify`], with the key that [`Rejection::KeyNeeded`] named.
    pub fn verify_with(
        &self,
        request: &Request<'_>,
        now: WallTime,
        id: &str,
        key: &FetchedKey,
    ) -> Result<Accepted, Rejection> {
        let events = self.scheme.verify_with(request, now, id, key)?;
        Ok(Accepted {
            secret: None,
            events: self.checked(events)?,
            visit: self.scheme.visit(request),
        })
    }

    /// How to ask the provider for a key. `None` if no provider may be asked.
    pub fn key_request(&self, id: &str, now: WallTime) -> Option<KeyRequest> {
        self.scheme.key_request(id, now)
    }

    /// The key in the provider's answer, or why there is none that can be used.
    pub fn read_key(
        &self,
        id: &str,
        answer: &[u8],
        trust: &CertificateTrust,
        now: WallTime,
    ) -> Result<FetchedKey, KeyError> {
        self.scheme.read_key(id, answer, trust, now)
    }

    /// The answer that the provider expects.
    pub fn answer(&self, outcome: RequestOutcome) -> Answer {
        self.scheme.answer(outcome)
    }

    /// The answer to a request by which the provider checks that the endpoint is ours, such as
    /// Braintree's `GET ?bt_challenge=…`. `None` if this is no such request.
    pub fn challenge(&self, request: &Request<'_>, now: WallTime) -> Option<Answer> {
        self.scheme.challenge(request, now)
    }

    /// The methods by which the provider delivers events. A challenge may come by another method.
    pub fn methods(&self) -> &'static [http::Method] {
        self.scheme.methods()
    }

    /// Whether a request is refused once its signed time is too old. If not, a captured request is
    /// recognised by its dedup key alone.
    pub fn checks_time(&self) -> bool {
        self.scheme.checks_time()
    }

    /// Whether a hash of the event's bytes tells events apart, at least some events. Such a hash is
    /// forgotten once the provider no longer resends.
    pub fn told_by_hash(&self) -> bool {
        self.scheme.told_by_hash()
    }

    /// The name of the scheme.
    pub fn scheme(&self) -> &str {
        &self.name
    }

    /// The weaknesses of the scheme, for an operator.
    pub fn warnings(&self) -> Vec<String> {
        self.scheme.warnings()
    }

    /// Signs a request under the secret with this index, as sent at `now`.
    pub fn sign(
        &self,
        secret: usize,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        Ok(with_content_type(self.scheme.sign(secret, unsigned, now)?))
    }

    /// Signs a request with a private key that stands in for the provider's, as sent at `now`. The
    /// source must have the public part of the key, or its root certificate, as a secret.
    pub fn sign_with_key(
        &self,
        key: &StandInKey,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let signed = self.scheme.sign_with_key(key, unsigned, now)?;
        Ok(with_content_type(signed))
    }
}

/// The request with a content type: that of JSON, if it has none.
fn with_content_type(mut signed: SignedRequest) -> SignedRequest {
    if !signed.headers.contains_key(http::header::CONTENT_TYPE) {
        let json = http::HeaderValue::from_static("application/json");
        signed.headers.insert(http::header::CONTENT_TYPE, json);
    }
    signed
}

/// The settings of a source that are about events of any scheme.
pub(super) struct AskedOfEvents {
    on_unreadable: OnUnreadable,
    dedup_by: Option<DedupChoice>,
    livemode: Option<bool>,
}

impl AskedOfEvents {
    /// The settings of a source.
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            on_unreadable: settings.on_unreadable,
            dedup_by: settings.dedup_by,
            livemode: settings.livemode,
        }
    }

    fn mistakes(&self, name: &str, scheme: &dyn Scheme) -> Vec<BuildError> {
        let mut mistakes = Vec::new();
        if self.dedup_by.is_some() && !scheme.by_unsigned_id() {
            let message = format!(
                "`{name}` has no event id that is not signed and stands outside the body: leave \
                 `by` out"
            );
            mistakes.push(BuildError::new(Setting::Dedup, message));
        }
        if self.livemode.is_some() && !scheme.has_mode() {
            let message = format!(
                "events of `{name}` do not say whether they are of live or test mode: leave \
                 `livemode` out"
            );
            mistakes.push(BuildError::new(Setting::Livemode, message));
        }
        mistakes
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("scheme", &self.name)
            .finish_non_exhaustive()
    }
}
