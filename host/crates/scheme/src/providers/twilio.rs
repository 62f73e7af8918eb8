//! Twilio: an HMAC over the URL and the sorted form fields; for JSON over the URL alone, which then
//! holds the hash of the body.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use http::HeaderName;
use sha2::{Digest, Sha256};

use crate::encoding::SignatureEncoding;
use crate::form;
use crate::headers::{ALWAYS_RECORDED, header, recorded};
use crate::key::{Algorithm, Key};
use crate::key_ring::KeyRing;
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Settings};
use crate::settings_reader::SettingsReader;
use crate::sign::{SignError, SignedRequest, UnsignedRequest, set_header};
use crate::verified::ProviderEvent;
use crate::verifier::Scheme;
use crate::warnings;
use tollgate_base::event::DedupBasis;
use tollgate_base::secret::equal;
use tollgate_base::time::WallTime;

static SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");
/// The header that names the algorithm if a shared key signs instead of the account's token.
static SIGNATURE_SETTINGS: HeaderName =
    HeaderName::from_static("x-twilio-webhooks-signature-settings");
/// The header with the event's id. The id is the same on every try, but not signed.
static IDEMPOTENCY_TOKEN: HeaderName = HeaderName::from_static("i-twilio-idempotency-token");

struct Twilio {
    keys: KeyRing<TokenKeys>,
    url: String,
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
    let scheme = reader.finish(url.map(|url| Twilio { keys, url }))?;
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
        let params = self.params(request, query.as_deref())?;
        let signed = concatenated(&params, request.body.len());
        let sha256 = uses_sha256(request)?;
        let plain = without_port(&url);
        let verifies = |keys: &TokenKeys| {
            let key = if sha256 { &keys.sha256 } else { &keys.sha1 };
            let verifies = |url: &str| {
                key.matches(&[url.as_bytes(), &signed], std::iter::once(&signature[..]))
            };
            // The usual form first.
            verifies(&plain) || verifies(&with_port(&url))
        };
        let secret = self.keys.matching(now, 1, verifies)?;
        Ok((Some(secret), vec![event(request, &plain, &signed, &params)]))
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
        let params = self
            .params(&request, query.as_deref())
            .map_err(unsignable)?;
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

    /// The signed form fields. None if the URL holds the hash of the body; the hash is checked.
    fn params<'r>(
        &self,
        request: &Request<'r>,
        query: Option<&str>,
    ) -> Result<Params<'r>, Rejection> {
        let hash = query.and_then(|query| form::single(query.as_bytes(), "bodySHA256"));
        if let Some(expected) = hash.filter(|_| !form::is_form(request.headers)) {
            let actual = hex::encode(Sha256::digest(request.body));
            return match equal(actual.as_bytes(), &expected) {
                true => Ok(Params::new()),
                false => Err(Rejection::MalformedBody {
                    why: "its hash is not the `bodySHA256` of the URL".to_owned(),
                }),
            };
        }
        if !form::is_form(request.headers) && !request.body.is_empty() {
            let why = "a body that is no form needs a `bodySHA256` in the query";
            return Err(Rejection::malformed_signature("the URL", why));
        }
        let mut params = Params::new();
        for (name, value) in form::pairs(request.body) {
            params.entry(name).or_default().insert(value);
        }
        Ok(params)
    }
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

/// The URL without its port.
fn without_port(url: &str) -> String {
    match authority(url).and_then(|parts| Some((parts, port_at(parts.1)?))) {
        Some(((before, host, after), colon)) => format!("{before}{}{after}", &host[..colon]),
        None => url.to_owned(),
    }
}

/// The event of a request. Twilio names no type: the type is made from the kind of object and its
/// status.
fn event(request: &Request<'_>, url: &str, signed: &[u8], params: &Params<'_>) -> ProviderEvent {
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
    // The same fields in another order have the same signature, so the hash covers the signed text
    // and not the received body. A JSON body is signed by its hash in the URL.
    let digest = Sha256::new()
        .chain_update(url)
        .chain_update([0])
        .chain_update(signed)
        .finalize();
    let names = ALWAYS_RECORDED.iter().chain([&IDEMPOTENCY_TOKEN]);
    let headers = recorded(request.headers, names);
    ProviderEvent {
        provider_id: header(request.headers, &IDEMPOTENCY_TOKEN)
            .ok()
            .map(str::to_owned),
        // Without the type: the same signed text, split into other fields, may have another type.
        dedup: DedupBasis::Body {
            kind: String::new(),
            digest: digest.into(),
        },
        kind,
        subject: message.or(call),
        account: text(&["AccountSid"]),
        created: None,
        more_dedup: Vec::new(),
        headers,
        payload: request.body.clone(),
    }
}
