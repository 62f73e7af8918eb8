//! Verifies requests as a template describes them: the signature, then the timestamp, and only
//! then the body's events.

use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::family::Names;
use super::prepare::Prepared;
use super::signature::{SignatureNames, Signatures};
use super::signed::SignedPart;
use super::template::{Template, TimeUnit};
use crate::answer::{Answer, AnswerTo};
use crate::headers::header;
use crate::key::{self, Key};
use crate::keys::Keys;
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Setting, Settings};
use crate::settings_reader::Reader;
use crate::sign::{self, SignError, Signed, Unsigned};
use crate::tolerance::Tolerance;
use crate::verified::ProviderEvent;
use crate::verifier::Scheme;
use tollgate_base::rfc3339::digits;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

/// A described scheme with a source's keys.
pub(crate) struct Declarative {
    prepared: Prepared,
    keys: Keys<SourceKey>,
    /// The names of the signatures under them.
    names: Vec<String>,
    url: Option<String>,
    tolerance: Option<Tolerance>,
}

/// One of a source's secrets, ready.
struct SourceKey {
    /// The name of the signatures under it; empty where they have none.
    name: String,
    key: Key,
}

impl Scheme for Declarative {
    /// Checks the signature, then the timestamp, and only then reads the body.
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let names = self.prepared.family(request.headers);
        let wanted = SignatureNames {
            signatures: &self.names,
            timestamp: self.prepared.timestamp_pair(),
        };
        let signatures = names
            .signature
            .read(request.headers, &names.header, &wanted)?;
        let timestamp = self.timestamp(names, &signatures, request.headers)?;
        let secret = self.matching(names, request, &signatures, timestamp, now)?;
        self.check_time(names, timestamp, now)?;
        let events = names.fields.read(request, &names.record)?;
        Ok((Some(secret), events))
    }

    fn answer(&self, to: AnswerTo) -> Answer {
        self.prepared.answer(to)
    }

    fn warnings(&self) -> Vec<String> {
        self.prepared.warnings()
    }

    fn checks_time(&self) -> bool {
        self.tolerance.is_some() && self.prepared.template().timestamp.is_some()
    }

    fn sign(&self, secret: usize, unsigned: Unsigned, now: WallTime) -> Result<Signed, SignError> {
        let names = self.prepared.first_family();
        let key = self.keys.get(secret)?;
        let Unsigned { body, mut headers } = unsigned;
        let timestamp = self.prepared.unit().write(now);
        if let Some(name) = &names.timestamp_header {
            sign::set(&mut headers, name.as_str(), &timestamp)?;
        }
        for part in &names.signed {
            if let SignedPart::Header(name) = part
                && !headers.contains_key(name)
            {
                let id = hex::encode(&Sha256::digest(&body)[..12]);
                sign::set(&mut headers, name.as_str(), &format!("msg_{id}"))?;
            }
        }
        let request = Request {
            method: &http::Method::POST,
            url: "",
            headers: &headers,
            body: &body,
        };
        let parts = self
            .signed(names, &request, Some(&timestamp))
            .map_err(|rejection| SignError::Unsignable(rejection.to_string()))?;
        let tag = key.key.sign(&parts).ok_or(SignError::NotShared)?;
        let pair = self
            .prepared
            .timestamp_pair()
            .map(|pair| (pair, timestamp.as_str()));
        let value = names.signature.write(&key.name, &tag, pair);
        sign::set(&mut headers, &names.signature.header, &value)?;
        Ok(Signed {
            headers,
            body,
            query: None,
        })
    }
}

impl Declarative {
    /// A template with a source's settings, or every mistake in both.
    pub(crate) fn new(
        name: &str,
        template: &Template,
        settings: Settings,
    ) -> Result<Self, Vec<BuildError>> {
        let mut reader = Reader::new(name, settings);
        let prepared = Prepared::new(template);
        for mistake in prepared.as_ref().err().into_iter().flatten() {
            reader.mistake(Setting::Scheme, format!("the scheme `{name}`: {mistake}"));
        }
        let prepared = prepared.ok();
        let keys = reader.keys(|secret| source_key(template, secret));
        let names = keys
            .iter()
            .map(|key: &SourceKey| key.name.clone())
            .collect();
        let signs_url = prepared.as_ref().is_some_and(Prepared::signs_url);
        let url = signs_url.then(|| reader.url()).flatten();
        let own = template
            .timestamp
            .is_some()
            .then(|| reader.tolerance())
            .flatten();
        reader.finish(prepared.map(|prepared| Self {
            tolerance: own.or(prepared.tolerance),
            prepared,
            keys,
            names,
            url,
        }))
    }

    /// The timestamp's text, where the scheme signs one.
    fn timestamp<'r>(
        &self,
        names: &Names,
        signatures: &Signatures<'r>,
        headers: &'r HeaderMap,
    ) -> Result<Option<&'r str>, Rejection> {
        if let Some(name) = &names.timestamp_header {
            return header(headers, name).map(Some);
        }
        if self.prepared.timestamp_pair().is_none() {
            return Ok(None);
        }
        let missing = || Rejection::MissingTimestamp {
            place: names.signature.header.clone(),
        };
        signatures.timestamp.ok_or_else(missing).map(Some)
    }

    /// The first secret under which one of the signatures holds.
    fn matching(
        &self,
        names: &Names,
        request: &Request<'_>,
        signatures: &Signatures<'_>,
        timestamp: Option<&str>,
        now: WallTime,
    ) -> Result<usize, Rejection> {
        let parts = self.signed(names, request, timestamp)?;
        let holds = |key: &SourceKey| {
            let named = signatures
                .found
                .iter()
                .filter(|(name, _)| *name == key.name);
            key.key
                .matches(&parts, named.map(|(_, bytes)| bytes.as_slice()))
        };
        self.keys.which(now, signatures.found.len(), holds)
    }

    /// The signed bytes, part by part.
    fn signed<'r>(
        &'r self,
        names: &'r Names,
        request: &Request<'r>,
        timestamp: Option<&'r str>,
    ) -> Result<Vec<&'r [u8]>, Rejection> {
        names
            .signed
            .iter()
            .map(|part| {
                Ok(match part {
                    SignedPart::Literal(text) => text.as_bytes(),
                    SignedPart::Body => request.body,
                    SignedPart::Timestamp => timestamp.unwrap_or_default().as_bytes(),
                    SignedPart::Url => self.url.as_deref().unwrap_or_default().as_bytes(),
                    SignedPart::Header(name) => header(request.headers, name)?.as_bytes(),
                })
            })
            .collect()
    }

    /// Whole units are compared, as the official libraries do: with a tolerance of 300 s, a
    /// timestamp that is 300.9 s old passes and one that is 301 s old does not.
    fn check_time(
        &self,
        names: &Names,
        timestamp: Option<&str>,
        now: WallTime,
    ) -> Result<(), Rejection> {
        let (Some(text), Some(tolerance)) = (timestamp, self.tolerance) else {
            return Ok(());
        };
        let place = names.timestamp_header.as_ref().unwrap_or(&names.header);
        let malformed = || Rejection::MalformedTimestamp {
            place: place.to_string(),
        };
        let number = digits(text).ok_or_else(malformed)?;
        let (then, now) = match self.prepared.unit() {
            TimeUnit::Seconds => (
                WallTime::from_secs(number),
                WallTime::from_secs(now.as_secs()),
            ),
            TimeUnit::Milliseconds => (WallTime::from_millis(number), now),
        };
        tolerance.check(then, now)
    }
}

/// Decodes a secret by the first form whose prefix it has.
fn source_key(template: &Template, secret: &Secret) -> Result<SourceKey, String> {
    let other = template
        .other_keys
        .iter()
        .find(|other| secret.expose().starts_with(other.prefix.as_bytes()));
    let (prefix, algorithm, encoding, name) = match other {
        Some(other) => (
            Some(&other.prefix),
            other.algorithm,
            other.encoding,
            Some(&other.name),
        ),
        None => (
            template.key_prefix.as_ref(),
            template.algorithm,
            template.key_encoding,
            template.signature.name.as_ref(),
        ),
    };
    let text = prefix
        .and_then(|prefix| secret.expose().strip_prefix(prefix.as_bytes()))
        .unwrap_or(secret.expose());
    let bytes = key::decode(&Secret::new(text), encoding, algorithm)?;
    Ok(SourceKey {
        name: name.cloned().unwrap_or_default(),
        key: Key::new(algorithm, &bytes)?,
    })
}
