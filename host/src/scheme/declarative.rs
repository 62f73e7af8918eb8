//! The one form that most schemes are described in.
//!
//! [`Template`] is what the TOML says; `check` finds its mistakes, and `prepare` turns it,
//! with a source's settings, into a [`Declarative`], which verifies. `read` then makes
//! events of the body.

mod check;
mod prepare;
mod read;
mod template;

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};

use super::headers::{HeaderSet, header};
use super::key::Key;
use super::keys::Keys;
use super::signature::{SignatureForm, Signatures, Wanted};
use super::{
    Answer, AnswerTo, ProviderEvent, Rejection, Request, Scheme, SignError, Signed, Unsigned, sign,
    time,
};
use crate::event::UnixMillis;

pub use check::TemplateError;
pub(super) use prepare::Prepared;
pub use template::{
    AnswerForm, Answers, BodyWithout, Dedup, DedupBy, OtherKey, Template, TimeUnit, TimestampForm,
};

/// A described scheme with a source's keys.
pub(super) struct Declarative {
    prepared: Prepared,
    keys: Keys<SourceKey>,
    /// The names of the signatures under them.
    names: Vec<String>,
    url: Option<String>,
    tolerance: Option<Tolerance>,
}

/// One of a source's secrets, ready.
pub(super) struct SourceKey {
    /// The name of the signatures under it; empty where they have none.
    name: String,
    key: Key,
}

/// How far a timestamp may lie from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tolerance {
    past: Duration,
    future: Duration,
}

/// A piece of the signed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignedPiece {
    Text(String),
    Body,
    Timestamp,
    Url,
    Header(HeaderName),
}

/// The names of headers in one family.
#[derive(Clone, Debug)]
pub(super) struct Names {
    header: HeaderName,
    signature: SignatureForm,
    timestamp_header: Option<HeaderName>,
    signed: Vec<SignedPiece>,
    fields: read::Fields,
    record: HeaderSet,
}

impl Scheme for Declarative {
    /// Checks the signature, then the timestamp, and only then reads the body.
    fn verify(
        &self,
        request: &Request<'_>,
        now: UnixMillis,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let names = self.prepared.family(request.headers);
        let wanted = Wanted {
            signatures: &self.names,
            timestamp: self.prepared.timestamp_pair(),
        };
        let signatures = names
            .signature
            .read(request.headers, &names.header, &wanted)?;
        let timestamp = self.timestamp(names, &signatures, request.headers)?;
        let secret = self.matching(names, request, &signatures, timestamp, now)?;
        self.check_time(names, timestamp, now)?;
        let events = names.fields.read(request, names, &self.prepared)?;
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

    fn sign(
        &self,
        secret: usize,
        unsigned: Unsigned,
        now: UnixMillis,
    ) -> Result<Signed, SignError> {
        let names = self.prepared.first_family();
        let key = self.keys.get(secret)?;
        let Unsigned { body, mut headers } = unsigned;
        let timestamp = self.prepared.unit().write(now);
        if let Some(name) = &names.timestamp_header {
            sign::set(&mut headers, name.as_str(), &timestamp)?;
        }
        for piece in &names.signed {
            if let SignedPiece::Header(name) = piece
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
        now: UnixMillis,
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

    /// The signed bytes, piece by piece.
    fn signed<'r>(
        &'r self,
        names: &'r Names,
        request: &Request<'r>,
        timestamp: Option<&'r str>,
    ) -> Result<Vec<&'r [u8]>, Rejection> {
        names
            .signed
            .iter()
            .map(|piece| {
                Ok(match piece {
                    SignedPiece::Text(text) => text.as_bytes(),
                    SignedPiece::Body => request.body,
                    SignedPiece::Timestamp => timestamp.unwrap_or_default().as_bytes(),
                    SignedPiece::Url => self.url.as_deref().unwrap_or_default().as_bytes(),
                    SignedPiece::Header(name) => header(request.headers, name)?.as_bytes(),
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
        now: UnixMillis,
    ) -> Result<(), Rejection> {
        let (Some(text), Some(tolerance)) = (timestamp, self.tolerance) else {
            return Ok(());
        };
        let place = names.timestamp_header.as_ref().unwrap_or(&names.header);
        let malformed = || Rejection::MalformedTimestamp {
            place: place.to_string(),
        };
        let number = time::decimal(text).ok_or_else(malformed)?;
        let (then, now) = match self.prepared.unit() {
            TimeUnit::Seconds => (number.saturating_mul(1000), now - now % 1000),
            TimeUnit::Milliseconds => (number, now),
        };
        tolerance.check(then, now)
    }
}

impl Tolerance {
    /// The same length either way.
    pub(super) fn both(length: Duration) -> Self {
        Self {
            past: length,
            future: length,
        }
    }

    /// Whether `then` lies close enough to `now`.
    pub(super) fn check(self, then: UnixMillis, now: UnixMillis) -> Result<(), Rejection> {
        let age = Duration::from_millis(now.saturating_sub(then));
        let ahead = Duration::from_millis(then.saturating_sub(now));
        if age > self.past {
            return Err(Rejection::TimestampTooOld {
                age,
                tolerance: self.past,
            });
        }
        if ahead > self.future {
            return Err(Rejection::TimestampInFuture {
                ahead,
                tolerance: self.future,
            });
        }
        Ok(())
    }
}
