//! Signs requests as a template describes them, for tests and local work.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, Method};
use sha2::{Digest as _, Sha256};

use super::family::HeaderFamily;
use super::keys::SecretKeys;
use super::request_values::RequestValues;
use super::signed::{SignedText, Source};
use super::verify::Declarative;
use crate::form;
use crate::rejection::Rejection;
use crate::request::Request;
use crate::sign::{SignError, SignedRequest, UnsignedRequest, set_header};
use crate::stand_in::StandInKey;
use tollgate_base::json::{self, PointerSet};
use tollgate_base::time::WallTime;

/// Makes the signature over the parts of the signed text.
type Mac<'m> = dyn Fn(&[Cow<'_, [u8]>]) -> Result<Vec<u8>, SignError> + 'm;

impl Declarative {
    /// The request, signed under the secret with this index.
    pub(super) fn signed_request(
        &self,
        secret: usize,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let family = self.template.first_family();
        let keys = self.keys.get(secret)?;
        let key = keys.of(family.number, None).next();
        let key = key.filter(|key| key.is_shared());
        let key = key.ok_or(SignError::NotShared)?;
        let mac = |parts: &[Cow<'_, [u8]>]| key.sign(parts).ok_or(SignError::NotShared);
        self.signed_by(keys, &mac, unsigned, now)
    }

    /// The request, signed with a private key that stands in for the provider's.
    pub(super) fn signed_by_stand_in(
        &self,
        key: &StandInKey,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let keys = self.keys.get(0)?;
        if keys.is_shared() {
            return Err(SignError::Shared);
        }
        let mac = |parts: &[Cow<'_, [u8]>]| key.rsa_sha256(&parts.concat());
        self.signed_by(keys, &mac, unsigned, now)
    }

    /// The request with the signature that `mac` makes over the signed text.
    fn signed_by(
        &self,
        keys: &SecretKeys,
        mac: &Mac<'_>,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let family = self.template.first_family();
        if self.template.signs_path() && self.url.is_none() {
            let message = "the path is signed: set `url` to the URL that the provider posts to";
            return Err(SignError::Unsignable(message.to_owned()));
        }
        let time = self.template.unit().write(now);
        let UnsignedRequest { body, headers } = unsigned;
        let headers = completed(family, headers, &body, &time)?;
        let query = query(sources(family), &body);
        let target = query.as_ref().map(|query| format!("?{query}"));
        let request = Request {
            method: &Method::POST,
            url: target.as_deref().unwrap_or_default(),
            headers: &headers,
            body: &body,
        };
        let (json, _) = self.json(&request);
        let values = self.values(&request, &json);
        let time = time_in_body(family, &values)?.unwrap_or(time);
        let values = RequestValues {
            timestamp: Some(&time),
            ..values
        };
        let filled = filled(family, &values, keys.secret())?;
        let mac = mac(&filled)?;
        let pair = self.template.timestamp_pair();
        let pair = pair.map(|pair| (pair, time.as_str()));
        let text = family.signature.write(&keys.name, &mac, pair);
        let request = SignedRequest {
            headers: headers.clone(),
            body: body.clone(),
            query,
        };
        placed(family, text, request)
    }
}

fn unsignable(rejection: Rejection) -> SignError {
    SignError::Unsignable(rejection.to_string())
}

/// The places of all signed values.
fn sources(family: &HeaderFamily) -> impl Iterator<Item = &Source> {
    family.signed.0.iter().flat_map(SignedText::sources)
}

/// The headers with those that are signed.
fn completed(
    family: &HeaderFamily,
    mut headers: HeaderMap,
    body: &[u8],
    time: &str,
) -> Result<HeaderMap, SignError> {
    if let Some(Source::Header(name)) = &family.timestamp {
        set_header(&mut headers, name.as_str(), time)?;
    }
    add_signed_headers(sources(family), &mut headers, body)?;
    if is_form(family) {
        set_header(&mut headers, "content-type", form::CONTENT_TYPE)?;
    }
    Ok(headers)
}

/// The time, if it stands in the body or in the query.
fn time_in_body(
    family: &HeaderFamily,
    values: &RequestValues<'_>,
) -> Result<Option<String>, SignError> {
    let found = match &family.timestamp {
        Some(place @ (Source::Json(_) | Source::Form(_) | Source::Query(_))) => {
            values.one(place).map_err(unsignable)?
        }
        _ => None,
    };
    Ok(found.map(|text| String::from_utf8_lossy(&text).into_owned()))
}

/// The first text that the request has all values of.
fn filled<'v>(
    family: &'v HeaderFamily,
    values: &'v RequestValues<'v>,
    secret: &'v [u8],
) -> Result<Vec<Cow<'v, [u8]>>, SignError> {
    let mut outcome = Err(SignError::NotShared);
    for text in &family.signed.0 {
        match (values.fill(text, secret), &outcome) {
            (Ok(filled), _) => return Ok(filled),
            (Err(why), Err(SignError::NotShared)) => outcome = Err(unsignable(why)),
            _ => {}
        }
    }
    outcome
}

/// The request with the signature in its place.
fn placed(
    family: &HeaderFamily,
    text: String,
    mut request: SignedRequest,
) -> Result<SignedRequest, SignError> {
    match &family.place {
        Source::Form(name) => {
            let field = form::write(&[(name, &text)]);
            let fields = form::without(&request.body, name);
            let and: &[u8] = if fields.is_empty() { b"" } else { b"&" };
            request.body = [&fields[..], and, field.as_bytes()].concat().into();
        }
        Source::Query(name) => {
            let field = form::write(&[(name, &text)]);
            let query = request.query.unwrap_or_default();
            request.query = Some(joined(&query, &field));
        }
        Source::Json(place) => request.body = with_member(&request.body, &place.pointer, &text)?,
        _ => set_header(&mut request.headers, &family.signature.header, &text)?,
    }
    Ok(request)
}

fn joined(form: &str, field: &str) -> String {
    match form.is_empty() {
        true => field.to_owned(),
        false => format!("{form}&{field}"),
    }
}

/// The JSON object with one more member. If the object names the member already, the new value
/// counts, since it comes last.
fn with_member(body: &[u8], pointer: &str, text: &str) -> Result<Bytes, SignError> {
    let unsignable = |why: &str| SignError::Unsignable(why.to_owned());
    let name = pointer.strip_prefix('/').filter(|name| !name.contains('/'));
    let name = name.ok_or_else(|| unsignable("the signature stands deep in the body"))?;
    let is_json = json::pluck_borrowed(body, &PointerSet::default()).is_ok();
    let open = body.trim_ascii().strip_suffix(b"}").filter(|_| is_json);
    let open = open.ok_or_else(|| unsignable("the body is no JSON object"))?;
    let comma: &[u8] = match open.trim_ascii() == b"{" {
        true => b"",
        false => b",",
    };
    let member = format!(
        "{}:{}}}",
        serde_json::Value::from(name),
        serde_json::Value::from(text)
    );
    Ok([open, comma, member.as_bytes()].concat().into())
}

/// Whether the body is a form.
fn is_form(family: &HeaderFamily) -> bool {
    matches!(family.place, Source::Form(_))
        || sources(family).any(|source| match source {
            Source::Form(_) => true,
            Source::Sorted(pairs) | Source::Values(pairs) => !pairs.in_query,
            _ => false,
        })
}

/// The signed parameters of the query, taken from the values of the same names in the body. The
/// dots of a name are steps: `data.id` is at `/data/id`.
fn query<'s>(sources: impl Iterator<Item = &'s Source>, body: &[u8]) -> Option<String> {
    let mut query: Option<String> = None;
    let mut known = Vec::new();
    for source in sources {
        let Source::Query(name) = source else {
            continue;
        };
        if known.contains(&name) {
            continue;
        }
        known.push(name);
        let pointer = format!("/{}", name.replace('.', "/"));
        let Ok(pointer) = PointerSet::new(&[pointer]) else {
            continue;
        };
        let found = json::pluck_borrowed(body, &pointer).ok();
        let found = found.and_then(|mut found| found.pop().flatten());
        if let Some(text) = found.as_ref().and_then(json::Plucked::as_text) {
            let field = form::write(&[(name, text)]);
            query = Some(joined(query.as_deref().unwrap_or_default(), &field));
        }
    }
    query
}

/// Adds an id made from the body for each signed header that the request lacks.
fn add_signed_headers<'s>(
    sources: impl Iterator<Item = &'s Source>,
    headers: &mut HeaderMap,
    body: &[u8],
) -> Result<(), SignError> {
    for source in sources {
        if let Source::Header(name) = source
            && !headers.contains_key(name)
        {
            let id = hex::encode(&Sha256::digest(body)[..12]);
            set_header(headers, name.as_str(), &format!("msg_{id}"))?;
        }
    }
    Ok(())
}
