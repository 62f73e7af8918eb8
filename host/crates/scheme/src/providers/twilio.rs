//! Twilio: an HMAC over the URL and the sorted form fields; for JSON over the URL alone, which then
//! holds the hash of the body.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use sha2::{Digest, Sha256};

use crate::declarative::with_unsigned_id;
use crate::encoding::SignatureEncoding;
use crate::form;
use crate::headers::{ALWAYS_RECORDED, header, recorded};
use crate::key::{Algorithm, Key};
use crate::key_ring::KeyRing;
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, DedupChoice, Settings};
use crate::settings_reader::SettingsReader;
use crate::sign::{SignError, SignedRequest, UnsignedRequest, set_header};
use crate::time;
use crate::verified::{EqualBytes, ProviderEvent, digest_of};
use crate::verifier::Scheme;
use crate::warnings;
use tollgate_base::event::{DedupBasis, Headers};
use tollgate_base::json::{self, Plucked, PointerSet};
use tollgate_base::secret::equal;
use tollgate_base::time::WallTime;

static SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");
/// The header that names the algorithm if a shared key signs instead of the account's token.
static SIGNATURE_SETTINGS: HeaderName =
    HeaderName::from_static("x-twilio-webhooks-signature-settings");
/// The header with the event's id. The id is the same on every try, but not signed.
static IDEMPOTENCY_TOKEN: HeaderName = HeaderName::from_static("i-twilio-idempotency-token");

/// The fields of a CloudEvent that count. An event without the first is no CloudEvent.
const CLOUD_EVENT: [&str; 7] = [
    "/specversion",
    "/id",
    "/type",
    "/time",
    "/data/messageSid",
    "/data/callSid",
    "/data/accountSid",
];

/// Twilio repeats a request within seconds, up to five times, if the URL asks for it.
const RESENDS_FOR: Duration = Duration::from_secs(86_400);

struct Twilio {
    keys: KeyRing<TokenKeys>,
    /// The URL without its fragment, which holds options for Twilio and is never sent.
    url: String,
    dedup_by: DedupChoice,
    cloud_event: PointerSet,
}

/// The keys of one secret, for both algorithms.
struct TokenKeys {
    sha1: Key,
    sha256: Key,
}

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    let keys = reader.keys(|secret| {
        Ok(TokenKeys {
            sha1: Key::new(Algorithm::HmacSha1, secret)?,
            sha256: Key::new(Algorithm::HmacSha256, secret)?,
        })
    });
    let url = reader.url();
    let dedup_by = reader.dedup_by();
    let cloud_event = PointerSet::new(&CLOUD_EVENT).expect("they are pointers");
    let scheme = url.map(|url| Twilio {
        keys,
        url: url.split('#').next().unwrap_or_default().to_owned(),
        dedup_by,
        cloud_event,
    });
    let scheme = reader.finish(scheme)?;
    Ok(Box::new(scheme))
}

/// The signed form fields: sorted names, each with its sorted values, without repetition.
type Params<'r> = BTreeMap<Cow<'r, [u8]>, BTreeSet<Cow<'r, [u8]>>>;

impl Scheme for Twilio {
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let signature = SignatureEncoding::Base64
            .decode(header(request.headers, &SIGNATURE)?)
            .map_err(|why| Rejection::malformed_signature(SIGNATURE.as_str(), why))?;
        let (url, query) = self.signed_url(request.url);
        let params = params(request, query.as_deref())?;
        let signed = concatenated(&params, request.body.len());
        let sha256 = uses_sha256(request)?;
        let plain = without_port(&with_path(&url));
        let verifies = |keys: &TokenKeys| {
            let key = if sha256 { &keys.sha256 } else { &keys.sha1 };
            let verifies = |url: &str| {
                key.matches(&[url.as_bytes(), &signed], std::iter::once(&signature[..]))
            };
            // The usual form first.
            verifies(&plain) || self.other_forms(&url).iter().any(|url| verifies(url))
        };
        let secret = self.keys.matching(now, 1, verifies)?;
        if let Some(events) = self.cloud_events(request, &params) {
            return Ok((Some(secret), events));
        }
        // A GET request has its fields in the query, which is signed as a part of the URL.
        let params = match (request.method, query) {
            (&http::Method::GET, Some(query)) => owned_params(query.as_bytes()),
            _ => params,
        };
        let event = self.event(request, &plain, &signed, &params);
        Ok((Some(secret), vec![event]))
    }

    fn methods(&self) -> &'static [http::Method] {
        const BOTH: &[http::Method] = &[http::Method::POST, http::Method::GET];
        BOTH
    }

    fn by_unsigned_id(&self) -> bool {
        true
    }

    fn sign(
        &self,
        secret: usize,
        unsigned: UnsignedRequest,
        _: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let keys = self.keys.get(secret)?;
        let UnsignedRequest { body, mut headers } = unsigned;
        // The header would announce another algorithm than SHA-1.
        headers.remove(&SIGNATURE_SETTINGS);
        let hash = || format!("bodySHA256={}", hex::encode(Sha256::digest(&body)));
        let query = (!form::is_form(&headers)).then(hash);
        let target = query
            .as_ref()
            .map_or_else(String::new, |query| format!("?{query}"));
        let request = Request {
            method: &http::Method::POST,
            url: &target,
            headers: &headers,
            body: &body,
        };
        let unsignable = |rejection: Rejection| SignError::Unsignable(rejection.to_string());
        let params = params(&request, query.as_deref()).map_err(unsignable)?;
        let (url, _) = self.signed_url(&target);
        let signed = concatenated(&params, request.body.len());
        let mac = keys
            .sha1
            .sign(&[url.as_bytes(), &signed])
            .ok_or(SignError::NotShared)?;
        set_header(
            &mut headers,
            SIGNATURE.as_str(),
            &SignatureEncoding::Base64.encode(&mac),
        )?;
        Ok(SignedRequest {
            headers,
            body,
            query,
        })
    }

    fn warnings(&self) -> Vec<String> {
        vec![warnings::NO_TIMESTAMP.to_owned()]
    }
}

impl Twilio {
    /// The URL as Twilio signed it, and its query: the configured URL with the received query,
    /// since the query may differ from request to request.
    fn signed_url(&self, received: &str) -> (String, Option<String>) {
        let base = self.url.split('?').next().unwrap_or(&self.url);
        match received.split_once('?') {
            Some((_, query)) => (format!("{base}?{query}"), Some(query.to_owned())),
            None => (self.url.clone(), None),
        }
    }

    /// Other texts of the URL that Twilio may have signed: with the default port, and without a
    /// path.
    fn other_forms(&self, url: &str) -> Vec<String> {
        let whole = with_path(url);
        let mut forms = vec![with_port(&whole)];
        if whole != url {
            forms.extend([without_port(url), with_port(url)]);
        }
        forms
    }

    /// The events of Twilio's Event Streams: a list of CloudEvents, or one of them. `None` if the
    /// body is something else.
    fn cloud_events(
        &self,
        request: &Request<'_>,
        params: &Params<'_>,
    ) -> Option<Vec<ProviderEvent>> {
        let body: &[u8] = request.body;
        let items = match body.trim_ascii_start().first()? {
            _ if !params.is_empty() => return None,
            b'[' => json::items(body, "").ok()?,
            b'{' => vec![body.trim_ascii()],
            _ => return None,
        };
        let single = body.trim_ascii_start().first() == Some(&b'{');
        if single && !self.is_cloud_event(body) {
            return None;
        }
        let headers = || recorded(request.headers, &ALWAYS_RECORDED);
        let events = items.into_iter().enumerate().map(|(at, item)| {
            let payload = request.body.slice_ref(item);
            let read = self.cloud_event(&payload, headers());
            let read = read.map_err(|why| if single { why } else { why.of_item(at) });
            ProviderEvent::or_unreadable(read, || digest_of([&payload[..]]), headers, &payload)
        });
        Some(events.collect())
    }

    fn is_cloud_event(&self, body: &[u8]) -> bool {
        let found = json::pluck_borrowed(body, &self.cloud_event);
        found.is_ok_and(|found| found.first().is_some_and(Option::is_some))
    }

    fn cloud_event(&self, payload: &Bytes, headers: Headers) -> Result<ProviderEvent, Rejection> {
        let found = json::pluck_borrowed(payload, &self.cloud_event)?;
        let text = |at: usize| {
            let value: &Plucked<'_> = found.get(at)?.as_ref()?;
            value.as_text().map(str::to_owned)
        };
        let need = |at: usize, what| {
            text(at).ok_or_else(|| Rejection::MissingField {
                what,
                place: format!("`{}`", CLOUD_EVENT[at]),
            })
        };
        let id = need(1, "event id")?;
        Ok(ProviderEvent {
            kind: need(2, "event type")?,
            created: text(3).as_deref().and_then(time::created),
            subject: text(4).or_else(|| text(5)),
            account: text(6),
            dedup: DedupBasis::SignedId(id.clone()),
            provider_id: Some(id),
            more_dedup: Vec::new(),
            equal_bytes: EqualBytes::SameFact,
            live: None,
            unreadable: None,
            headers,
            payload: payload.clone(),
        })
    }

    /// The event of a form. Twilio names no type: the type is made from the kind of object and its
    /// status.
    fn event(
        &self,
        request: &Request<'_>,
        url: &str,
        signed: &[u8],
        params: &Params<'_>,
    ) -> ProviderEvent {
        let text = |names: &[&str]| {
            names.iter().find_map(|name| {
                let value = params.get(name.as_bytes())?.first()?;
                let value = std::str::from_utf8(value).ok()?;
                (!value.is_empty()).then(|| value.to_owned())
            })
        };
        let message = text(&["MessageSid", "SmsSid"]);
        let call = text(&["CallSid"]);
        let status = text(&["MessageStatus", "SmsStatus", "CallStatus"]);
        let object = match (&message, &call) {
            (Some(_), _) => "message",
            (None, Some(_)) => "call",
            (None, None) => "webhook",
        };
        let kind = match status.or_else(|| text(&["EventType"])) {
            Some(status) => format!("{object}.{status}"),
            None => object.to_owned(),
        };
        let names = ALWAYS_RECORDED.iter().chain([&IDEMPOTENCY_TOKEN]);
        let token = header(request.headers, &IDEMPOTENCY_TOKEN).ok();
        let (dedup, equal_bytes) = self.identity(token, url, signed);
        ProviderEvent {
            provider_id: token.map(str::to_owned),
            dedup,
            equal_bytes,
            kind,
            subject: message.or(call),
            account: text(&["AccountSid"]),
            created: None,
            more_dedup: Vec::new(),
            live: None,
            unreadable: None,
            headers: recorded(request.headers, names),
            payload: request.body.clone(),
        }
    }

    /// The identity of a request. The same fields in another order have the same signature, so the
    /// hash covers the signed text and not the received body. A JSON body is signed by its hash in
    /// the URL.
    fn identity(&self, token: Option<&str>, url: &str, signed: &[u8]) -> (DedupBasis, EqualBytes) {
        let digest = Sha256::new()
            .chain_update(url)
            .chain_update([0])
            .chain_update(signed)
            .finalize();
        // Without the type: the same signed text, split into other fields, may have another type.
        let bytes = DedupBasis::Body {
            kind: String::new(),
            digest: digest.into(),
        };
        match token {
            Some(token) => with_unsigned_id(token, bytes, RESENDS_FOR, self.dedup_by),
            None => (bytes, EqualBytes::DuplicateWithin(RESENDS_FOR)),
        }
    }
}

/// The signed form fields. None if the URL holds the hash of the body; the hash is checked.
fn params<'r>(request: &Request<'r>, query: Option<&str>) -> Result<Params<'r>, Rejection> {
    let is_form = form::is_form(request.headers);
    if let Some(expected) = query.filter(|_| !is_form).and_then(body_hash) {
        let actual = hex::encode(Sha256::digest(request.body));
        return match equal(actual.as_bytes(), &expected?) {
            true => Ok(Params::new()),
            false => Err(Rejection::MalformedBody {
                why: "its hash is not the `bodySHA256` of the URL".to_owned(),
            }),
        };
    }
    if !is_form && !request.body.is_empty() {
        let why = "a body that is no form needs a `bodySHA256` in the query";
        return Err(Rejection::malformed_signature("the URL", why));
    }
    Ok(form_params(request.body))
}

fn form_params(form: &[u8]) -> Params<'_> {
    let mut params = Params::new();
    for (name, value) in form::pairs(form) {
        params.entry(name).or_default().insert(value);
    }
    params
}

fn owned_params(form: &[u8]) -> Params<'static> {
    let owned = |text: Cow<'_, [u8]>| Cow::Owned(text.into_owned());
    let mut params = Params::new();
    for (name, value) in form::pairs(form) {
        let values: &mut BTreeSet<_> = params.entry(owned(name)).or_default();
        values.insert(owned(value));
    }
    params
}

/// The `bodySHA256` of a query, which may come several times with one value.
fn body_hash(query: &str) -> Option<Result<Vec<u8>, Rejection>> {
    let pairs = form::pairs(query.as_bytes());
    let mut hashes = pairs.filter_map(|(name, value)| (*name == *b"bodySHA256").then_some(value));
    let first = hashes.next()?;
    if hashes.any(|other| other != first) {
        let why = "it has several `bodySHA256` that differ";
        return Some(Err(Rejection::malformed_signature("the URL", why)));
    }
    Some(Ok(first.into_owned()))
}

/// Whether a shared key signs, with SHA-256. The account's token signs with SHA-1.
fn uses_sha256(request: &Request<'_>) -> Result<bool, Rejection> {
    if !request.headers.contains_key(&SIGNATURE_SETTINGS) {
        return Ok(false);
    }
    let algorithm = header(request.headers, &SIGNATURE_SETTINGS)?
        .split(',')
        .filter_map(|part| part.split_once('='))
        .find_map(|(name, value)| (name.trim() == "algorithm").then(|| value.trim()));
    match algorithm.map(str::to_ascii_uppercase).as_deref() {
        None | Some("" | "HMAC_SHA1") => Ok(false),
        Some("HMAC_SHA256") => Ok(true),
        Some(_) => Err(Rejection::NoKnownSignature {
            place: SIGNATURE_SETTINGS.to_string(),
            wanted: "HMAC_SHA1` or `HMAC_SHA256".to_owned(),
        }),
    }
}

/// Names and values without separators, as they are signed.
fn concatenated(params: &Params<'_>, capacity: usize) -> Vec<u8> {
    let mut signed = Vec::with_capacity(capacity);
    for (name, values) in params {
        for value in values {
            signed.extend_from_slice(name);
            signed.extend_from_slice(value);
        }
    }
    signed
}

/// Splits a URL into the text before the host and port, the host and port, and the text after.
fn authority(url: &str) -> Option<(&str, &str, &str)> {
    let start = url.find("://")? + 3;
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    Some((&url[..start], &url[start..end], &url[end..]))
}

/// The index of the colon before the port. An IPv6 address holds other colons.
fn port_at(authority: &str) -> Option<usize> {
    let colon = authority.rfind(':')?;
    let digits = &authority[colon + 1..];
    let is_port = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_port.then_some(colon)
}

/// The URL with the default port if it has none. Twilio sometimes signs the URL with a port.
fn with_port(url: &str) -> String {
    match authority(url) {
        Some((before, host, after)) if port_at(host).is_none() => {
            let port = if before.starts_with("https") { 443 } else { 80 };
            format!("{before}{host}:{port}{after}")
        }
        _ => url.to_owned(),
    }
}

/// The URL with a path: a request for a URL without a path has the path `/`.
fn with_path(url: &str) -> String {
    match authority(url) {
        Some((before, host, after)) if !after.starts_with('/') => {
            format!("{before}{host}/{after}")
        }
        _ => url.to_owned(),
    }
}

/// The URL without its port.
fn without_port(url: &str) -> String {
    match authority(url).and_then(|parts| Some((parts, port_at(parts.1)?))) {
        Some(((before, host, after), colon)) => format!("{before}{}{after}", &host[..colon]),
        None => url.to_owned(),
    }
}
