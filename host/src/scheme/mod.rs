//! How providers sign, name and batch their events, and what answer they expect.
//!
//! A [`Verifier`] is one scheme with its keys decoded and ready. It looks at a request's
//! raw bytes, and only when their signature holds does it read an event's id and type out
//! of them. What comes out is [`Verified`], which nothing outside this module can make.
//!
//! Most schemes are data: entries of `builtin.toml` in the form of [`Template`], which a
//! manifest's `[schemes.NAME]` has too. Those that the form cannot express are code, a
//! file each.

mod adyen;
mod braintree;
mod build;
mod builtin;
mod declarative;
mod explain;
mod fetched;
mod field;
mod form;
#[cfg(fuzzing)]
pub mod fuzz;
mod headers;
mod issuer;
mod key;
mod keys;
mod mollie;
mod pages;
mod paypal;
mod pem;
mod plaid;
mod rejection;
mod settings;
mod sign;
mod signature;
mod time;
mod twilio;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod vectors;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::event::{DedupBasis, Headers, UnixMillis};
use crate::secret::Secret;

pub use build::{BuildError, Setting};
pub use builtin::names;
pub use declarative::{
    AnswerForm, Answers, BodyWithout, Dedup, DedupBy, OtherKey, Template, TemplateError, TimeUnit,
    TimestampForm,
};
pub use explain::explain;
pub use fetched::{CertificateTrust, FetchedKey, KeyRequest, KeyTrouble, with_issuer};
pub use field::Places;
pub use key::{Algorithm, KeyEncoding};
pub use pages::{Page, page, page_index, pages};
pub use rejection::Rejection;
pub use sign::{SignError, Signed, Unsigned};
pub use signature::{Layout, SignatureEncoding, SignatureForm};
pub(crate) use time::{rfc3339, show_rfc3339};

/// What a scheme sees of a request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a http::Method,
    /// Its target as received: path and query, or an absolute URL.
    pub url: &'a str,
    /// Its headers, as received.
    pub headers: &'a http::HeaderMap,
    /// Its body, as received.
    pub body: &'a Bytes,
}

/// Something that a signature vouches for. Only schemes can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The thing itself.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// A look at the thing.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// A request whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Which of the secrets matched, as an index into [`Settings::secrets`]; `None` where
    /// none was needed.
    pub secret: Option<usize>,
    /// The events that it carries; a batch may be empty.
    pub events: Verified<Vec<ProviderEvent>>,
}

/// An event as its provider describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderEvent {
    /// The provider's id of it. Not always signed, so never a key by itself: see `basis`.
    pub provider_id: Option<String>,
    /// Its type, in the provider's words.
    pub kind: String,
    /// The object that it is about.
    pub subject: Option<String>,
    /// The connected account or merchant.
    pub account: Option<String>,
    /// When the provider says that it happened.
    pub created: Option<UnixMillis>,
    /// What tells it from other events; comes from signed bytes.
    pub basis: DedupBasis,
    /// What tells it apart besides: an event that any of all these have is a duplicate.
    pub also: Vec<DedupBasis>,
    /// Request headers to record: the content type, the user agent and the scheme's own for
    /// id, type and time. Never signatures or credentials.
    pub headers: Headers,
    /// The event's exact bytes: the body or, in a batch, the item's part of it.
    pub payload: Bytes,
}

/// One of a source's secrets.
#[derive(Clone, Debug)]
pub struct SourceSecret {
    /// The secret.
    pub secret: Secret,
    /// From when on it counts no more; `None`: it does not end.
    pub expires: Option<UnixMillis>,
}

impl From<Secret> for SourceSecret {
    /// A secret that does not end.
    fn from(secret: Secret) -> Self {
        Self {
            secret,
            expires: None,
        }
    }
}

/// What a source's section of the manifest says for its scheme.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The secrets; any may match, so that they can be rotated.
    pub secrets: Vec<SourceSecret>,
    /// How far a signed timestamp may lie back or ahead; `None`: the scheme's own.
    pub tolerance: Option<Duration>,
    /// The URL as the provider knows it, for schemes that sign it.
    pub url: Option<String>,
    /// Settings of the scheme's own, such as `webhook_id`.
    pub params: BTreeMap<String, String>,
}

/// A scheme with its keys decoded and ready.
pub struct Verifier {
    name: String,
    scheme: Box<dyn Scheme>,
}

/// What one scheme does; those that are data share one implementation.
trait Scheme: Send + Sync {
    /// Checks a request and reads its events; also tells the index of the secret that
    /// matched, where one was needed.
    fn verify(
        &self,
        request: &Request<'_>,
        now: UnixMillis,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection>;

    /// The same with the key that [`Rejection::KeyNeeded`] asked for.
    fn verify_with(
        &self,
        request: &Request<'_>,
        now: UnixMillis,
        _id: &str,
        _key: &FetchedKey,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        self.verify(request, now).map(|(_, events)| events)
    }

    /// How to ask the provider for a key.
    fn key_request(&self, _id: &str, _now: UnixMillis) -> Option<KeyRequest> {
        None
    }

    /// The key that the provider's answer holds, or why it is not to be used.
    fn read_key(
        &self,
        _id: &str,
        _answer: &[u8],
        _trust: &CertificateTrust,
        _now: UnixMillis,
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
    fn challenge(&self, _request: &Request<'_>, _now: UnixMillis) -> Option<Answer> {
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
    fn sign(&self, _: usize, _: Unsigned, _: UnixMillis) -> Result<Signed, SignError> {
        Err(SignError::NotShared)
    }
}

impl Verifier {
    /// Checks a request and reads its events.
    pub fn verify(&self, request: &Request<'_>, now: UnixMillis) -> Result<Accepted, Rejection> {
        let (secret, events) = self.scheme.verify(request, now)?;
        Ok(Accepted {
            secret,
            events: Verified(events),
        })
    }

    /// Checks a request with the key of this id, which [`Rejection::KeyNeeded`] asked for.
    pub fn verify_with(
        &self,
        request: &Request<'_>,
        now: UnixMillis,
        id: &str,
        key: &FetchedKey,
    ) -> Result<Accepted, Rejection> {
        let events = self.scheme.verify_with(request, now, id, key)?;
        Ok(Accepted {
            secret: None,
            events: Verified(events),
        })
    }

    /// How to ask the provider for a key; `None` where nobody is to be asked.
    pub fn key_request(&self, id: &str, now: UnixMillis) -> Option<KeyRequest> {
        self.scheme.key_request(id, now)
    }

    /// The key that the provider's answer holds, or why it is not to be used.
    pub fn read_key(
        &self,
        id: &str,
        answer: &[u8],
        trust: &CertificateTrust,
        now: UnixMillis,
    ) -> Result<FetchedKey, KeyTrouble> {
        self.scheme.read_key(id, answer, trust, now)
    }

    /// What the provider wants to read back.
    pub fn answer(&self, to: AnswerTo) -> Answer {
        self.scheme.answer(to)
    }

    /// The answer to a request by which the provider checks that the endpoint is ours, such
    /// as Braintree's `GET ?bt_challenge=…`; `None` if this is no such request.
    pub fn challenge(&self, request: &Request<'_>, now: UnixMillis) -> Option<Answer> {
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
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("scheme", &self.name)
            .finish_non_exhaustive()
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerTo {
    /// Its events are durable.
    Accepted,
    /// They had been recorded before.
    Duplicate,
    /// It was refused.
    Rejected,
}

/// An answer to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: http::StatusCode,
    /// The body's type; `None` where there is no body.
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// An answer without a body.
    fn empty(status: http::StatusCode) -> Self {
        Self {
            status,
            content_type: None,
            body: Bytes::new(),
        }
    }

    /// An answer of plain text.
    fn text(status: http::StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: Some("text/plain".to_owned()),
            body: body.into(),
        }
    }
}

/// The verifier of a built-in scheme with these settings, or every mistake in them.
pub fn build(scheme: &str, settings: Settings) -> Result<Verifier, Vec<BuildError>> {
    if let Some(template) = builtin::template(scheme) {
        return build_template(scheme, template, settings);
    }
    let Some(make) = builtin::coded(scheme) else {
        return Err(vec![build::unknown_scheme(scheme)]);
    };
    Ok(Verifier {
        name: scheme.to_owned(),
        scheme: make(scheme, settings)?,
    })
}

/// The verifier of a built-in scheme or, with a description, of a manifest's own.
pub fn build_with(
    name: &str,
    template: Option<&Template>,
    settings: Settings,
) -> Result<Verifier, Vec<BuildError>> {
    match template {
        Some(template) => build_template(name, template, settings),
        None => build(name, settings),
    }
}

/// The verifier of a scheme that a manifest's `[schemes.NAME]` describes, or every mistake
/// in its settings and in the description.
pub fn build_template(
    name: &str,
    template: &Template,
    settings: Settings,
) -> Result<Verifier, Vec<BuildError>> {
    Ok(Verifier {
        name: name.to_owned(),
        scheme: Box::new(declarative::Declarative::new(name, template, settings)?),
    })
}
