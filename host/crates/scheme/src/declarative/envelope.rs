//! Verifies requests that are signed by a JSON Web Signature, as a template describes it: the token
//! first, then its time. Only then are the events read, from its payload or from the body.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::checked::CheckedTemplate;
use super::coverage::TokenCoverage;
use super::fields::SignedRequestParts;
use super::template::Template;
use super::token::{BODY, JwsForm};
use crate::answer::{Answer, RequestOutcome};
use crate::chain::{Chain, ChainChecker, ChainRules, Root};
use crate::headers::header;
use crate::jws::Jws;
use crate::key_ring::KeyRing;
use crate::named_key::NamedKey;
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, DedupChoice, Setting, Settings};
use crate::settings_reader::SettingsReader;
use crate::time;
use crate::tolerance::Tolerance;
use crate::verified::ProviderEvent;
use crate::verifier::Scheme;
use tollgate_base::json::{self, Plucked, PointerSet};
use tollgate_base::rfc3339::digits;
use tollgate_base::secret::equal;
use tollgate_base::time::WallTime;

/// The tolerance if the source has none.
const TOLERANCE: Duration = Duration::from_secs(300);

/// A template whose signature is a token, with the settings of a source.
pub(crate) struct Enveloped {
    template: CheckedTemplate,
    form: JwsForm,
    signers: Signers,
    /// `None` if no time is signed.
    tolerance: Option<Tolerance>,
    dedup_by: DedupChoice,
}

/// Who may sign.
enum Signers {
    /// The keys of each secret.
    Keys(KeyRing<Vec<NamedKey>>),
    /// Those whose certificates lead to a root.
    Roots(ChainChecker),
}

impl Enveloped {
    /// A template with the settings of a source, or every mistake in both.
    pub(crate) fn new(
        name: &str,
        template: &Template,
        form: &JwsForm,
        settings: Settings,
    ) -> Result<Self, Vec<BuildError>> {
        let mut reader = SettingsReader::new(name, settings);
        let checked = CheckedTemplate::new(template);
        for mistake in checked.as_ref().err().into_iter().flatten() {
            reader.mistake(Setting::Scheme, format!("the scheme `{name}`: {mistake}"));
        }
        let signers = match form.x5c {
            true => {
                let roots = reader.keys(Root::read);
                Signers::Roots(ChainChecker::new(roots, ChainRules::default()))
            }
            false => Signers::Keys(reader.keys(|secret| NamedKey::read(secret, form.algorithm))),
        };
        let signs_time = form.time.is_some();
        let tolerance = signs_time.then(|| reader.tolerance()).flatten();
        let own = signs_time.then(|| Tolerance::both(TOLERANCE));
        let dedup_by = reader.dedup_by();
        reader.finish(checked.ok().map(|template| Self {
            template,
            form: form.clone(),
            signers,
            tolerance: tolerance.or(own),
            dedup_by,
        }))
    }

    /// The text of the token.
    fn text<'r>(&self, request: &Request<'r>) -> Result<std::borrow::Cow<'r, str>, Rejection> {
        let place = self.form.place();
        if let Some(name) = &self.form.header {
            let value = header(request.headers, name.as_str())?;
            let word = value
                .split_once(' ')
                .filter(|(word, _)| word.eq_ignore_ascii_case("bearer"));
            return Ok(word.map_or(value, |(_, token)| token).trim().into());
        }
        if place == BODY {
            let text = std::str::from_utf8(request.body);
            let why = |_| Rejection::malformed_signature(place, "it is no text");
            return text.map(|text| text.trim().into()).map_err(why);
        }
        let found = json::pluck_borrowed(request.body, &pointer(place))?;
        match found.into_iter().next().flatten() {
            Some(Plucked::Text(text)) => Ok(text),
            _ => Err(Rejection::NoKnownSignature {
                place: "the body".to_owned(),
                wanted: place.to_owned(),
            }),
        }
    }

    /// The index of the secret that the token is signed under.
    fn signer(&self, token: &Jws<'_>, now: WallTime) -> Result<usize, Rejection> {
        match &self.signers {
            Signers::Keys(keys) => {
                keys.matching(now, 1, |keys| keys.iter().any(|key| key.signed(token)))
            }
            Signers::Roots(checker) => {
                let malformed = |why| Rejection::malformed_signature(self.form.place(), why);
                let chain = Chain::read(token.x5c()).map_err(malformed)?;
                let key = chain.key(self.form.algorithm.key_kind());
                let key = key.map_err(|why| Rejection::UntrustedKey {
                    why: format!("its certificate {why}"),
                })?;
                if !token.is_signed_by(&self.form.algorithm.key(key)) {
                    return Err(mismatch());
                }
                checker.root(&chain, now, now)
            }
        }
    }

    /// Refuses a body that is not the one that the token's claims name.
    fn check_hash(&self, claims: &[u8], body: &[u8]) -> Result<(), Rejection> {
        let Some(at) = &self.form.body_hash else {
            return Ok(());
        };
        let claimed = claim(claims, at).and_then(|text| decoded_hash(&text));
        let actual: [u8; 32] = Sha256::digest(body).into();
        match claimed.is_some_and(|claimed| equal(&claimed, &actual)) {
            true => Ok(()),
            false => Err(mismatch()),
        }
    }

    /// Refuses what was signed too long ago.
    fn check_time(&self, signed: &[u8], now: WallTime) -> Result<(), Rejection> {
        let (Some(at), Some(tolerance)) = (&self.form.time, self.tolerance) else {
            return Ok(());
        };
        let malformed = || Rejection::MalformedTimestamp { place: at.clone() };
        let text = claim(signed, at).ok_or_else(malformed)?;
        let number = whole(&text).ok_or_else(malformed)?;
        let then = time::created(&number.to_string()).ok_or_else(malformed)?;
        let second = WallTime::from_secs(now.as_secs());
        tolerance.check(then, second)
    }
}

fn mismatch() -> Rejection {
    Rejection::SignatureMismatch {
        signatures: 1,
        secrets: 1,
    }
}

fn pointer(text: &str) -> PointerSet {
    PointerSet::new(&[text]).unwrap_or_default()
}

/// The text of a value in JSON.
fn claim(json: &[u8], at: &str) -> Option<String> {
    let found = json::pluck_borrowed(json, &pointer(at)).ok()?;
    Some(found.first()?.as_ref()?.as_text()?.to_owned())
}

/// The whole part of a number, which may have a fraction (RFC 7519, section 2: NumericDate).
fn whole(number: &str) -> Option<u64> {
    let (number, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    digits(number).filter(|_| is_fraction)
}

/// A SHA-256 in hexadecimal, base64url or base64.
fn decoded_hash(text: &str) -> Option<Vec<u8>> {
    let whole = |bytes: &Vec<u8>| bytes.len() == 32;
    hex::decode(text)
        .ok()
        .filter(whole)
        .or_else(|| URL_SAFE_NO_PAD.decode(text).ok().filter(whole))
        .or_else(|| STANDARD.decode(text).ok().filter(whole))
}

impl Scheme for Enveloped {
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let text = self.text(request)?;
        let (place, algorithm) = (self.form.place(), self.form.algorithm);
        let token = match self.form.detached {
            true => Jws::detached(&text, request.body, place, algorithm)?,
            false => Jws::read(&text, place, algorithm)?,
        };
        let secret = self.signer(&token, now)?;
        self.check_hash(&token.payload, request.body)?;
        let payload = match self.form.detached {
            true => request.body.clone(),
            false => Bytes::from(token.payload),
        };
        self.check_time(&payload, now)?;
        let body = match self.form.signs_body() {
            true => request.body,
            false => &payload,
        };
        let opened = Request { body, ..*request };
        let family = self.template.first_family();
        let coverage = TokenCoverage { payload: &payload };
        let events = family.fields.read(&SignedRequestParts {
            request: &opened,
            recorded: &family.recorded,
            timestamp: None,
            coverage: &coverage,
            signs_a_value: true,
            hashes: (self.template.resends, self.dedup_by),
        });
        Ok((Some(secret), events))
    }

    fn challenge(&self, request: &Request<'_>, _: WallTime) -> Option<Answer> {
        let header = self.form.header.as_ref();
        if header.is_some_and(|name| request.headers.contains_key(name)) {
            return None;
        }
        let mut challenges = self.template.challenges().iter();
        challenges.find_map(|challenge| challenge.answer(request, |_| None))
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
        self.tolerance.is_some()
    }
}
