//! Verifies requests as a template describes them: the signature first, then the timestamp. Only
//! then are the events read from the body.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use http::Method;

use super::checked::CheckedTemplate;
use super::coverage::FilledText;
use super::expect::ExpectedValues;
use super::family::HeaderFamily;
use super::fields::SignedRequestParts;
use super::keys::{Allowed, SecretKeys};
use super::request_values::{RequestValues, describe};
use super::signature::{SignatureNames, Signatures};
use super::signed::{SignedText, Source};
use super::template::{Template, TimeUnit};
use crate::answer::{Answer, RequestOutcome};
use crate::headers::header;
use crate::key_ring::KeyRing;
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, DedupChoice, Setting, Settings};
use crate::settings_reader::SettingsReader;
use crate::sign::{SignError, SignedRequest, UnsignedRequest};
use crate::stand_in::StandInKey;
use crate::time;
use crate::tolerance::Tolerance;
use crate::verified::ProviderEvent;
use crate::verifier::Scheme;
use tollgate_base::json::{self, NotJson, Plucked};
use tollgate_base::rfc3339::digits;
use tollgate_base::time::WallTime;

/// A template with the settings of a source.
pub(crate) struct Declarative {
    pub(super) template: CheckedTemplate,
    pub(super) keys: KeyRing<SecretKeys>,
    /// The names that the signatures of the keys have in the signature header.
    signature_names: Vec<String>,
    pub(super) url: Option<String>,
    pub(super) params: BTreeMap<String, String>,
    /// The names of the fields that hold signatures.
    pub(super) own_fields: Vec<String>,
    expected: Vec<ExpectedValues>,
    tolerance: Option<Tolerance>,
    dedup_by: DedupChoice,
}

/// A valid signature of a request.
struct Valid<'t> {
    /// The index of the secret.
    secret: usize,
    family: &'t HeaderFamily,
    /// The signed text.
    text: &'t SignedText,
    timestamp: Option<String>,
}

impl Scheme for Declarative {
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let (json, not_json) = self.json(request);
        let values = self.values(request, &json);
        let valid = self
            .valid(&values, now)
            .map_err(|why| match (why, not_json) {
                // The reason that the value is missing.
                (Rejection::MissingField { .. }, Some(error)) => error.into(),
                (why, _) => why,
            })?;
        let values = RequestValues {
            timestamp: valid.timestamp.as_deref(),
            ..values
        };
        let text = valid.text;
        let coverage = FilledText { values, text };
        let events = valid.family.fields.read(&SignedRequestParts {
            request,
            recorded: &valid.family.recorded,
            timestamp: values.timestamp,
            coverage: &coverage,
            signs_a_value: values.signs_a_value(text),
            hashes: (self.template.resends, self.dedup_by),
        });
        Ok((Some(valid.secret), events))
    }

    fn challenge(&self, request: &Request<'_>, now: WallTime) -> Option<Answer> {
        if self.template.is_signed(request.headers) {
            return None;
        }
        let family = self.template.first_family();
        let sign = |value: &[u8]| {
            let keys = self.keys.first_unexpired(now)?;
            let key = keys.of(family.number, None).next()?;
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

    fn methods(&self) -> &'static [Method] {
        const BOTH: &[Method] = &[Method::POST, Method::GET];
        match self.template.template().by_get {
            true => BOTH,
            false => &BOTH[..1],
        }
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
        self.signed_request(secret, unsigned, now)
    }

    fn sign_with_key(
        &self,
        key: &StandInKey,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        self.signed_by_stand_in(key, unsigned, now)
    }
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
        let allowed = Allowed::of(template, &mut reader);
        let keys = reader.keys(|secret| SecretKeys::new(template, &allowed, secret));
        let names = keys.iter().map(|keys: &SecretKeys| keys.name.clone());
        let signature_names = names.collect();
        let url = checked
            .as_ref()
            .and_then(|checked| url(checked, &mut reader));
        let params = checked.as_ref().map(|checked| params(checked, &mut reader));
        let expected = checked.iter().flat_map(|checked| &checked.expected);
        let expected = expected
            .filter_map(|expected| expected.with(&mut reader))
            .collect();
        let signs_time = template.timestamp.is_some();
        let tolerance = signs_time.then(|| reader.tolerance()).flatten();
        let dedup_by = reader.dedup_by();
        reader.finish(checked.map(|checked| Self {
            tolerance: tolerance.or(checked.tolerance),
            own_fields: checked.own_fields(),
            template: checked,
            keys,
            signature_names,
            url,
            params: params.unwrap_or_default(),
            expected,
            dedup_by,
        }))
    }

    /// The values in the JSON of the body that count for the signature, or why there are none.
    pub(super) fn json<'r>(
        &self,
        request: &Request<'r>,
    ) -> (Vec<Option<Plucked<'r>>>, Option<NotJson>) {
        let pointers = &self.template.pointers;
        if pointers.is_empty() {
            return (Vec::new(), None);
        }
        match json::pluck_borrowed(request.body, pointers) {
            Ok(found) => (found, None),
            Err(error) => (Vec::new(), Some(error)),
        }
    }

    /// The values of a request, without its timestamp.
    pub(super) fn values<'r>(
        &'r self,
        request: &'r Request<'r>,
        json: &'r [Option<Plucked<'r>>],
    ) -> RequestValues<'r> {
        RequestValues {
            request,
            body: request.body,
            json,
            timestamp: None,
            url: self.url.as_deref(),
            params: &self.params,
            own_fields: &self.own_fields,
        }
    }

    /// The valid signature of a request. Each signature that is there must be valid, unless the
    /// template asks for any.
    fn valid(&self, values: &RequestValues<'_>, now: WallTime) -> Result<Valid<'_>, Rejection> {
        let any = self.template.template().any_signature;
        let mut outcome: Option<Result<Valid<'_>, Rejection>> = None;
        for family in self.template.families(values) {
            let checked = self.check(family, values, now);
            match (&outcome, checked) {
                (None, checked) => outcome = Some(checked),
                (Some(Err(_)), checked @ Ok(_)) if any => outcome = Some(checked),
                (Some(Ok(_)), checked @ Err(_)) if !any => outcome = Some(checked),
                _ => {}
            }
        }
        let missing = || Rejection::MissingField {
            what: "signature",
            place: "the request".to_owned(),
        };
        let valid = outcome.unwrap_or_else(|| Err(missing()))?;
        for expected in &self.expected {
            expected.check(values)?;
        }
        Ok(valid)
    }

    /// Checks one signature of a request, and its timestamp.
    fn check<'t>(
        &'t self,
        family: &'t HeaderFamily,
        values: &RequestValues<'_>,
        now: WallTime,
    ) -> Result<Valid<'t>, Rejection> {
        let text = signature_text(family, values)?;
        let names = SignatureNames {
            signatures: &self.signature_names,
            timestamp: self.template.timestamp_pair(),
        };
        let signatures = family.read(values, text.as_deref(), &names)?;
        let timestamp = self.timestamp(family, &signatures, values)?;
        let values = RequestValues {
            timestamp: timestamp.as_deref(),
            ..*values
        };
        let algorithm = self.algorithm(family, text.as_deref(), &values)?;
        let (secret, text) =
            self.matching(family, &values, &signatures, algorithm.as_deref(), now)?;
        self.check_time(family, timestamp.as_deref(), now)?;
        Ok(Valid {
            secret,
            family,
            text,
            timestamp: timestamp.map(Cow::into_owned),
        })
    }

    /// The text of the timestamp. `None` if the scheme signs no timestamp.
    fn timestamp<'r>(
        &self,
        family: &HeaderFamily,
        signatures: &Signatures<'r>,
        values: &RequestValues<'r>,
    ) -> Result<Option<Cow<'r, str>>, Rejection> {
        match &family.timestamp {
            Some(Source::Header(name)) => {
                return header(values.request.headers, name).map(|text| Some(Cow::Borrowed(text)));
            }
            Some(place) => {
                let missing = || Rejection::MissingTimestamp {
                    place: describe(place),
                };
                let text = values.one(place)?.ok_or_else(missing)?;
                return text_of(text).map(Some).ok_or_else(missing);
            }
            None => {}
        }
        if self.template.timestamp_pair().is_none() {
            return Ok(None);
        }
        let missing = || Rejection::MissingTimestamp {
            place: family.signature.place().to_owned(),
        };
        let text = signatures.timestamp.ok_or_else(missing)?;
        Ok(Some(Cow::Borrowed(text)))
    }

    /// The name of the algorithm in the request, if the template has several.
    fn algorithm(
        &self,
        family: &HeaderFamily,
        text: Option<&str>,
        values: &RequestValues<'_>,
    ) -> Result<Option<String>, Rejection> {
        let Some(place) = &self.template.algorithm_at else {
            return Ok(None);
        };
        let text = match &family.place {
            Source::Header(name) => header(values.request.headers, name).ok(),
            _ => text,
        };
        let pair = |name: &str| family.signature.pair(text?, name).map(str::to_owned);
        let named = place.name(values, pair)?;
        let named = named.filter(|name| !name.is_empty());
        if let Some(name) = &named
            && !self.keys.iter().any(|keys| keys.knows(name))
        {
            let names = self.template.template().algorithms.keys().cloned();
            return Err(Rejection::NoKnownSignature {
                place: place.describe(),
                wanted: names.collect::<Vec<_>>().join("` or `"),
            });
        }
        Ok(named)
    }

    /// The index of the first secret that made one of the signatures, and the text that is signed.
    fn matching<'t>(
        &self,
        family: &'t HeaderFamily,
        values: &RequestValues<'_>,
        signatures: &Signatures<'_>,
        algorithm: Option<&str>,
        now: WallTime,
    ) -> Result<(usize, &'t SignedText), Rejection> {
        let mut texts = Vec::with_capacity(family.signed.0.len());
        let mut lacks = None;
        for text in &family.signed.0 {
            match values.fill(text, b"") {
                Ok(filled) => texts.push((text, filled)),
                Err(why) => lacks = lacks.or(Some(why)),
            }
        }
        if let Some(why) = lacks.filter(|_| texts.is_empty()) {
            return Err(why);
        }
        let of_text = Cell::new(0);
        let verifies = |keys: &SecretKeys| {
            let of_key = || {
                let found = signatures.found.iter();
                let of_key = found.filter(|(other, _)| *other == keys.name);
                of_key.map(|(_, bytes)| bytes.as_slice())
            };
            texts.iter().enumerate().any(|(index, (text, filled))| {
                of_key_holds(keys, family, algorithm, |key| match text.holds_secret() {
                    false => key.matches(filled, of_key()),
                    true => values
                        .fill(text, keys.secret())
                        .is_ok_and(|filled| key.matches(&filled, of_key())),
                }) && {
                    of_text.set(index);
                    true
                }
            })
        };
        let secret = self.keys.matching(now, signatures.found.len(), verifies)?;
        Ok((secret, texts[of_text.get()].0))
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
        let place = family.timestamp.as_ref().unwrap_or(&family.place);
        let malformed = || Rejection::MalformedTimestamp {
            place: describe(place),
        };
        let number = digits(text).ok_or_else(malformed)?;
        let seconds = || {
            let now = WallTime::from_secs(now.as_secs());
            (WallTime::from_secs(number), now)
        };
        let (then, now) = match self.template.unit() {
            TimeUnit::Seconds => seconds(),
            TimeUnit::Either if time::is_in_seconds(number) => seconds(),
            TimeUnit::Milliseconds | TimeUnit::Either => (WallTime::from_millis(number), now),
        };
        tolerance.check(then, now)
    }
}

/// Whether any key of a secret that counts for the signature holds.
fn of_key_holds(
    keys: &SecretKeys,
    family: &HeaderFamily,
    algorithm: Option<&str>,
    holds: impl Fn(&crate::key::Key) -> bool,
) -> bool {
    keys.of(family.number, algorithm).any(holds)
}

/// The text with the signatures, if it stands in no header.
fn signature_text<'r>(
    family: &HeaderFamily,
    values: &RequestValues<'r>,
) -> Result<Option<Cow<'r, str>>, Rejection> {
    if matches!(family.place, Source::Header(_)) {
        return Ok(None);
    }
    let Some(bytes) = values.one(&family.place)? else {
        return Ok(None);
    };
    let unreadable = || Rejection::malformed_signature(family.signature.place(), "it is no text");
    text_of(bytes).ok_or_else(unreadable).map(Some)
}

fn text_of(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// The URL of the source, if the template signs it or its path.
fn url(checked: &CheckedTemplate, reader: &mut SettingsReader<'_>) -> Option<String> {
    let url = match (checked.signs_url(), checked.signs_path()) {
        (true, _) => reader.url(),
        (false, true) => reader.optional_url(),
        (false, false) => None,
    };
    if url.as_deref().is_some_and(|url| url.contains('#')) {
        let message = "the part after `#` is never sent, so no provider can sign it: remove it";
        reader.mistake(Setting::Url, message.to_owned());
    }
    url
}

/// The settings of the source that are signed.
fn params(checked: &CheckedTemplate, reader: &mut SettingsReader<'_>) -> BTreeMap<String, String> {
    let mut params = BTreeMap::new();
    for (name, needed) in checked.params() {
        let value = match needed {
            true => reader.param(&name, "the provider signs it"),
            false => reader.optional_param(&name),
        };
        params.extend(value.map(|value| (name, value)));
    }
    params
}
