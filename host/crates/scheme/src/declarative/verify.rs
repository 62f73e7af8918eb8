//! Verifies requests as a template describes them: the signature first, then the timestamp. Only
//! then are the events read from the body.

use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::checked::CheckedTemplate;
use super::family::HeaderFamily;
use super::fields::SignedRequestParts;
use super::signature::{SignatureNames, Signatures};
use super::signed::SignedPart;
use super::template::{Template, TimeUnit};
use crate::answer::{Answer, RequestOutcome};
use crate::headers::header;
use crate::invalid_key::InvalidKey;
use crate::key::{self, Key};
use crate::key_ring::KeyRing;
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, DedupChoice, Setting, Settings};
use crate::settings_reader::SettingsReader;
use crate::sign::{SignError, SignedRequest, UnsignedRequest, set_header};
use crate::tolerance::Tolerance;
use crate::verified::{ProviderEvent, digest_of};
use crate::verifier::Scheme;
use tollgate_base::rfc3339::digits;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

/// A template with the settings of a source.
pub(crate) struct Declarative {
    template: CheckedTemplate,
    keys: KeyRing<NamedKey>,
    /// The names that the signatures of the keys have in the signature header.
    signature_names: Vec<String>,
    url: Option<String>,
    tolerance: Option<Tolerance>,
    dedup_by: DedupChoice,
}

/// The key of a secret.
struct NamedKey {
    /// The name that signatures of this key have; empty if signatures have no name.
    name: String,
    key: Key,
}

impl Scheme for Declarative {
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let family = self.template.family(request.headers);
        let names = SignatureNames {
            signatures: &self.signature_names,
            timestamp: self.template.timestamp_pair(),
        };
        let form = &family.signature;
        let signatures = form.read(request.headers, &family.signature_header, &names)?;
        let timestamp = self.timestamp(family, &signatures, request.headers)?;
        let secret = self.matching(family, request, &signatures, timestamp, now)?;
        self.check_time(family, timestamp, now)?;
        let digest = |payload: &[u8]| {
            let signed = family.signed.iter().map(|part| match part {
                SignedPart::Body => payload,
                part => self.part(part, request, timestamp).unwrap_or_default(),
            });
            digest_of(signed)
        };
        let events = family.fields.read(&SignedRequestParts {
            request,
            recorded: &family.recorded,
            timestamp,
            digest: &digest,
            hashes: (self.template.resends, self.dedup_by),
        });
        Ok((Some(secret), events))
    }

    fn challenge(&self, request: &Request<'_>, now: WallTime) -> Option<Answer> {
        let family = self.template.family(request.headers);
        if request.headers.contains_key(&family.signature_header) {
            return None;
        }
        let sign = |value: &[u8]| {
            let NamedKey { key, .. } = self.keys.first_unexpired(now)?;
            Some(family.signature.encoding.encode(&key.sign(&[value])?))
        };
        let mut challenges = self.template.challenges().iter();
        challenges.find_map(|challenge| challenge.answer(request, sign))
    }

    fn told_by_hash(&self) -> bool {
        self.template.first_family().fields.told_by_hash()
    }

    fn by_unsigned_id(&self) -> bool {
        self.template.first_family().fields.by_unsigned_id()
    }

    fn has_mode(&self) -> bool {
        self.template.first_family().fields.has_mode()
    }

    fn answer(&self, outcome: RequestOutcome) -> Answer {
        self.template.answer(outcome)
    }

    fn warnings(&self) -> Vec<String> {
        self.template.warnings()
    }

    fn checks_time(&self) -> bool {
        self.tolerance.is_some() && self.template.signs_time()
    }

    fn sign(
        &self,
        secret: usize,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let family = self.template.first_family();
        let NamedKey { name, key } = self.keys.get(secret)?;
        let UnsignedRequest { body, mut headers } = unsigned;
        let timestamp = self.template.unit().write(now);
        if let Some(name) = &family.timestamp_header {
            set_header(&mut headers, name.as_str(), &timestamp)?;
        }
        add_signed_headers(&family.signed, &mut headers, &body)?;
        let request = Request {
            method: &http::Method::POST,
            url: "",
            headers: &headers,
            body: &body,
        };
        let parts = self
            .signed(family, &request, Some(&timestamp))
            .map_err(|rejection| SignError::Unsignable(rejection.to_string()))?;
        let mac = key.sign(&parts).ok_or(SignError::NotShared)?;
        let pair = self.template.timestamp_pair();
        let pair = pair.map(|pair| (pair, timestamp.as_str()));
        let value = family.signature.write(name, &mac, pair);
        set_header(&mut headers, &family.signature.header, &value)?;
        Ok(SignedRequest {
            headers,
            body,
            query: None,
        })
    }
}

/// Adds an id made from the body for each signed header that the request lacks.
fn add_signed_headers(
    signed: &[SignedPart],
    headers: &mut HeaderMap,
    body: &[u8],
) -> Result<(), SignError> {
    for part in signed {
        if let SignedPart::Header(name) = part
            && !headers.contains_key(name)
        {
            let id = hex::encode(&Sha256::digest(body)[..12]);
            set_header(headers, name.as_str(), &format!("msg_{id}"))?;
        }
    }
    Ok(())
}

impl Declarative {
    /// A template with the settings of a source, or every mistake in both.
    pub(crate) fn new(
        name: &str,
        template: &Template,
        settings: Settings,
    ) -> Result<Self, Vec<BuildError>> {
        let mut reader = SettingsReader::new(name, settings);
        let checked = CheckedTemplate::new(template);
        for mistake in checked.as_ref().err().into_iter().flatten() {
            reader.mistake(Setting::Scheme, format!("the scheme `{name}`: {mistake}"));
        }
        let checked = checked.ok();
        let keys = reader.keys(|secret| named_key(template, secret));
        let names = keys.iter().map(|key: &NamedKey| key.name.clone());
        let signature_names = names.collect();
        let signs_url = checked.as_ref().is_some_and(CheckedTemplate::signs_url);
        let url = signs_url.then(|| reader.url()).flatten();
        if url.as_deref().is_some_and(|url| url.contains('#')) {
            let message = "the part after `#` is never sent, so no provider can sign it: remove it";
            reader.mistake(Setting::Url, message.to_owned());
        }
        let signs_time = template.timestamp.is_some();
        let tolerance = signs_time.then(|| reader.tolerance()).flatten();
        let dedup_by = reader.dedup_by();
        reader.finish(checked.map(|checked| Self {
            tolerance: tolerance.or(checked.tolerance),
            template: checked,
            keys,
            signature_names,
            url,
            dedup_by,
        }))
    }

    /// The text of the timestamp. `None` if the scheme signs no timestamp.
    fn timestamp<'r>(
        &self,
        family: &HeaderFamily,
        signatures: &Signatures<'r>,
        headers: &'r HeaderMap,
    ) -> Result<Option<&'r str>, Rejection> {
        if let Some(name) = &family.timestamp_header {
            return header(headers, name).map(Some);
        }
        if self.template.timestamp_pair().is_none() {
            return Ok(None);
        }
        let missing = || Rejection::MissingTimestamp {
            place: family.signature.header.clone(),
        };
        signatures.timestamp.ok_or_else(missing).map(Some)
    }

    /// The index of the first secret that made one of the signatures.
    fn matching(
        &self,
        family: &HeaderFamily,
        request: &Request<'_>,
        signatures: &Signatures<'_>,
        timestamp: Option<&str>,
        now: WallTime,
    ) -> Result<usize, Rejection> {
        let parts = self.signed(family, request, timestamp)?;
        let verifies = |NamedKey { name, key }: &NamedKey| {
            let of_key = signatures.found.iter().filter(|(other, _)| *other == name);
            key.matches(&parts, of_key.map(|(_, bytes)| bytes.as_slice()))
        };
        self.keys.matching(now, signatures.found.len(), verifies)
    }

    /// The signed bytes, part by part.
    fn signed<'r>(
        &'r self,
        family: &'r HeaderFamily,
        request: &Request<'r>,
        timestamp: Option<&'r str>,
    ) -> Result<Vec<&'r [u8]>, Rejection> {
        let parts = family.signed.iter();
        parts
            .map(|part| self.part(part, request, timestamp))
            .collect()
    }

    /// A part of the signed bytes.
    fn part<'r>(
        &'r self,
        part: &'r SignedPart,
        request: &Request<'r>,
        timestamp: Option<&'r str>,
    ) -> Result<&'r [u8], Rejection> {
        Ok(match part {
            SignedPart::Literal(text) => text.as_bytes(),
            SignedPart::Body => request.body,
            SignedPart::Timestamp => timestamp.unwrap_or_default().as_bytes(),
            SignedPart::Url => self.url.as_deref().unwrap_or_default().as_bytes(),
            SignedPart::Header(name) => header(request.headers, name)?.as_bytes(),
        })
    }

    /// Rejects a timestamp outside the tolerance. Compares whole units, as the official libraries
    /// do: with a tolerance of 300 s, a timestamp that is 300.9 s old passes, and a timestamp that
    /// is 301 s old does not.
    fn check_time(
        &self,
        family: &HeaderFamily,
        timestamp: Option<&str>,
        now: WallTime,
    ) -> Result<(), Rejection> {
        let (Some(text), Some(tolerance)) = (timestamp, self.tolerance) else {
            return Ok(());
        };
        let header = family.timestamp_header.as_ref();
        let header = header.unwrap_or(&family.signature_header);
        let malformed = || Rejection::MalformedTimestamp {
            place: header.to_string(),
        };
        let number = digits(text).ok_or_else(malformed)?;
        let (then, now) = match self.template.unit() {
            TimeUnit::Seconds => (
                WallTime::from_secs(number),
                WallTime::from_secs(now.as_secs()),
            ),
            TimeUnit::Milliseconds => (WallTime::from_millis(number), now),
        };
        tolerance.check(then, now)
    }
}

/// The key of a secret, decoded in the first form whose prefix the secret has.
fn named_key(template: &Template, secret: &Secret) -> Result<NamedKey, InvalidKey> {
    let text = secret.expose();
    let other = template
        .other_keys
        .iter()
        .find(|other| text.starts_with(other.prefix.as_bytes()));
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
    let bare = prefix.and_then(|prefix| text.strip_prefix(prefix.as_bytes()));
    let bytes = key::decode(&Secret::new(bare.unwrap_or(text)), encoding, algorithm)?;
    Ok(NamedKey {
        name: name.cloned().unwrap_or_default(),
        key: Key::new(algorithm, &bytes)?,
    })
}
