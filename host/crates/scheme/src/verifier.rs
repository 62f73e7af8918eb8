//! What a scheme does, and the verifier that puts one to use.

use std::fmt;

use super::answer::{Answer, AnswerTo};
use super::fetched::{CertificateTrust, FetchedKey, KeyRequest, KeyTrouble};
use super::rejection::Rejection;
use super::request::Request;
use super::sign::{SignError, Signed, Unsigned};
use super::verified::{Accepted, ProviderEvent, Verified};
use tollgate_base::time::WallTime;

/// A scheme with its keys decoded and ready.
pub struct Verifier {
    name: String,
    scheme: Box<dyn Scheme>,
}

/// What one scheme does; those that are data share one implementation.
pub(super) trait Scheme: Send + Sync {
    /// Checks a request and reads its events; also tells the index of the secret that
    /// matched, where one was needed.
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection>;

    /// The same with the key that [`Rejection::KeyNeeded`] asked for.
    fn verify_with(
        &self,
        request: &Request<'_>,
        now: WallTime,
        _id: &str,
        _key: &FetchedKey,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        self.verify(request, now).map(|(_, events)| events)
    }

    /// How to ask the provider for a key.
    fn key_request(&self, _id: &str, _now: WallTime) -> Option<KeyRequest> {
        None
    }

    /// The key that the provider's answer holds, or why it is not to be used.
    fn read_key(
        &self,
        _id: &str,
        _answer: &[u8],
        _trust: &CertificateTrust,
        _now: WallTime,
    ) -> Result<FetchedKey, KeyTrouble> {
        let why = "the scheme fetches no keys".to_owned();
        Err(KeyTrouble::Unusable(why))
    }

    /// What the provider wants to read back.
    fn answer(&self, to: AnswerTo) -> Answer {
        match to {
            AnswerTo::Accepted | AnswerTo::Duplicate => Answer::empty(http::StatusCode::OK),
            AnswerTo::Rejected => Answer::empty(http::StatusCode::BAD_REQUEST),
        }
    }

    /// The answer to a request by which the provider checks that the endpoint is ours.
    fn challenge(&self, _request: &Request<'_>, _now: WallTime) -> Option<Answer> {
        None
    }

    /// Whether a request is refused once the time that it was signed at lies too far back,
    /// so that a captured one is of no use later.
    fn checks_time(&self) -> bool {
        false
    }

    /// The methods by which the provider delivers events; a challenge may come by another.
    fn methods(&self) -> &'static [http::Method] {
        const POST: &[http::Method] = &[http::Method::POST];
        POST
    }

    /// What an operator should know about how strongly the scheme protects.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Signs a request as the provider would.
    fn sign(&self, _: usize, _: Unsigned, _: WallTime) -> Result<Signed, SignError> {
        Err(SignError::NotShared)
    }
}

impl Verifier {
    /// Puts a scheme to use under a name.
    pub(super) fn new(name: &str, scheme: Box<dyn Scheme>) -> Self {
        Self {
            name: name.to_owned(),
            scheme,
        }
    }

    /// Checks a request and reads its events.
    pub fn verify(&self, request: &Request<'_>, now: WallTime) -> Result<Accepted, Rejection> {
        let (secret, events) = self.scheme.verify(request, now)?;
        Ok(Accepted {
            secret,
            events: Verified::new(events),
        })
    }

    /// Checks a request with the key of this id, which [`Rejection::KeyNeeded`] asked for.
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
            events: Verified::new(events),
        })
    }

    /// How to ask the provider for a key; `None` where nobody is to be asked.
    pub fn key_request(&self, id: &str, now: WallTime) -> Option<KeyRequest> {
        self.scheme.key_request(id, now)
    }

    /// The key that the provider's answer holds, or why it is not to be used.
    pub fn read_key(
        &self,
        id: &str,
        answer: &[u8],
        trust: &CertificateTrust,
        now: WallTime,
    ) -> Result<FetchedKey, KeyTrouble> {
        self.scheme.read_key(id, answer, trust, now)
    }

    /// What the provider wants to read back.
    pub fn answer(&self, to: AnswerTo) -> Answer {
        self.scheme.answer(to)
    }

    /// The answer to a request by which the provider checks that the endpoint is ours, such
    /// as Braintree's `GET ?bt_challenge=…`; `None` if this is no such request.
    pub fn challenge(&self, request: &Request<'_>, now: WallTime) -> Option<Answer> {
        self.scheme.challenge(request, now)
    }

    /// The methods by which the provider delivers events; a challenge may come by another.
    pub fn methods(&self) -> &'static [http::Method] {
        self.scheme.methods()
    }

    /// Whether a request is refused once the time that it was signed at lies too far back.
    /// Where it is not, a captured request is told from a new one by its dedup key alone.
    pub fn checks_time(&self) -> bool {
        self.scheme.checks_time()
    }

    /// The scheme's name.
    pub fn scheme(&self) -> &str {
        &self.name
    }

    /// What an operator should know about how strongly this scheme protects.
    pub fn warnings(&self) -> Vec<String> {
        self.scheme.warnings()
    }

    /// Signs a request under one of the secrets, as sent at `now`.
    pub fn sign(
        &self,
        secret: usize,
        unsigned: Unsigned,
        now: WallTime,
    ) -> Result<Signed, SignError> {
        let mut signed = self.scheme.sign(secret, unsigned, now)?;
        if !signed.headers.contains_key(http::header::CONTENT_TYPE) {
            let json = http::HeaderValue::from_static("application/json");
            signed.headers.insert(http::header::CONTENT_TYPE, json);
        }
        Ok(signed)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("scheme", &self.name)
            .finish_non_exhaustive()
    }
}
