//! The values of a request that a template names: fields of its body, its query and its headers,
//! and settings of its source.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::json_place::JsonPlace;
use super::signed::{Pairs, SignedPart, SignedText, SignedValue, Source};
use super::syntax::{SyntaxError, header_name};
use crate::form;
use crate::headers::header;
use crate::rejection::Rejection;
use crate::request::Request;
use http::Method;
use tollgate_base::json::{Plucked, PointerSet};

/// The values of a request and of its source, by their places.
#[derive(Clone, Copy)]
pub(super) struct RequestValues<'r> {
    pub(super) request: &'r Request<'r>,
    /// The bytes that count as the body.
    pub(super) body: &'r [u8],
    /// The values in the JSON of the body, by the indices of their pointers.
    pub(super) json: &'r [Option<Plucked<'r>>],
    /// The text of the timestamp.
    pub(super) timestamp: Option<&'r str>,
    /// The URL in the settings of the source.
    pub(super) url: Option<&'r str>,
    /// The settings of the source that `{param:NAME}` names.
    pub(super) params: &'r BTreeMap<String, String>,
    /// The names of the fields and parameters that hold signatures.
    pub(super) own_fields: &'r [String],
}

/// A place that holds one value: a JSON pointer, `header:NAME`, `form:NAME` or `query:NAME`.
pub(super) fn place(
    text: &str,
    prefix: &str,
    pointers: &mut PointerSet,
) -> Result<Source, SyntaxError> {
    let named = |kind: &str| text.strip_prefix(kind).filter(|name| !name.is_empty());
    if let Some(name) = named("header:") {
        return header_name(&name.replace('*', prefix)).map(Source::Header);
    }
    if let Some(name) = named("form:") {
        return Ok(Source::Form(name.to_owned()));
    }
    if let Some(name) = named("query:") {
        return Ok(Source::Query(name.to_owned()));
    }
    match text.starts_with('/') {
        true => JsonPlace::new(text, pointers).map(Source::Json),
        false => Err(SyntaxError::Place(text.to_owned())),
    }
}

/// The name and the value of a field.
type DecodedField<'r> = (Cow<'r, [u8]>, Cow<'r, [u8]>);

/// A value with what a filter must know.
struct Found<'v> {
    bytes: Cow<'v, [u8]>,
    /// Whether the value is a string in JSON, or a text from elsewhere.
    is_text: bool,
}

impl<'r> RequestValues<'r> {
    /// The query of the request.
    pub(super) fn query(&self) -> &'r [u8] {
        query(self.request)
    }

    /// The form of the request: the body, or the query of a GET request.
    pub(super) fn form(&self) -> &'r [u8] {
        form_of(self.request)
    }

    /// The signed bytes, part by part.
    pub(super) fn fill<'v>(
        &'v self,
        text: &'v SignedText,
        secret: &'v [u8],
    ) -> Result<Vec<Cow<'v, [u8]>>, Rejection> {
        let mut filled = Vec::with_capacity(text.parts.len());
        self.add(&text.parts, secret, &mut filled)?;
        Ok(filled)
    }

    /// Whether any value of the request is among the signed bytes. Settings of the source are none.
    pub(super) fn signs_a_value(&self, text: &SignedText) -> bool {
        let is_given = |source: &Source| {
            let of_source = matches!(source, Source::Secret | Source::Param(_) | Source::Url);
            of_source || matches!(source, Source::Path | Source::Target | Source::Method)
        };
        let mut sources = text.sources().into_iter();
        sources.any(|source| {
            let found = (!is_given(source)).then(|| self.found(source, b""));
            found.is_some_and(|found| found.is_ok_and(|found| !found.bytes.is_empty()))
        })
    }

    fn add<'v>(
        &'v self,
        parts: &'v [SignedPart],
        secret: &'v [u8],
        filled: &mut Vec<Cow<'v, [u8]>>,
    ) -> Result<(), Rejection> {
        for part in parts {
            match part {
                SignedPart::Literal(text) => filled.push(Cow::Borrowed(text.as_bytes())),
                SignedPart::Value(value) => filled.push(self.value(value, secret)?),
                SignedPart::Group(parts) => {
                    let before = filled.len();
                    match self.add(parts, secret, filled) {
                        Err(why) if is_absence(&why) => filled.truncate(before),
                        other => other?,
                    }
                }
            }
        }
        Ok(())
    }

    fn value<'v>(
        &'v self,
        value: &'v SignedValue,
        secret: &'v [u8],
    ) -> Result<Cow<'v, [u8]>, Rejection> {
        let found = match self.found(&value.source, secret) {
            Err(why) if value.may_be_absent && is_absence(&why) => return Ok(Cow::Borrowed(b"")),
            other => other?,
        };
        let is_text = found.is_text;
        let mut filters = value.filters.iter();
        let changed = filters.try_fold(found.bytes, |bytes, filter| {
            filter.apply(bytes, is_text, self.json)
        });
        changed.ok_or_else(|| unfit(&value.source))
    }

    fn found<'v>(&'v self, source: &'v Source, secret: &'v [u8]) -> Result<Found<'v>, Rejection> {
        let text = |bytes: Cow<'v, [u8]>| Found {
            bytes,
            is_text: true,
        };
        let borrowed = |bytes: &'v [u8]| Ok(text(Cow::Borrowed(bytes)));
        match source {
            Source::Body => borrowed(self.body),
            Source::Timestamp => borrowed(self.timestamp.unwrap_or_default().as_bytes()),
            Source::Url => borrowed(self.url.unwrap_or_default().as_bytes()),
            Source::Path => borrowed(self.path().as_bytes()),
            Source::Target => Ok(text(self.target())),
            Source::Method => borrowed(self.request.method.as_str().as_bytes()),
            Source::Secret => borrowed(secret),
            Source::Sorted(pairs) => self.sorted(pairs).map(text),
            Source::Values(pairs) => self.joined(pairs).map(text),
            Source::Part(parts) => {
                let mut filled = Vec::new();
                self.add(parts, secret, &mut filled)?;
                Ok(text(Cow::Owned(filled.concat())))
            }
            Source::FirstOf(places) => {
                let mut found = places.iter().map(|place| self.found(place, secret));
                let first = found.find(|found| !matches!(found, Err(why) if is_absence(why)));
                first.unwrap_or_else(|| Err(missing(places.first().unwrap_or(source))))
            }
            Source::Json(place) => self.json_value(place).ok_or_else(|| missing(source)),
            Source::Header(_) | Source::Query(_) | Source::Form(_) | Source::Param(_) => {
                let found = self.one(source)?.ok_or_else(|| missing(source))?;
                Ok(text(found))
            }
        }
    }

    /// The value at a place, if it is there. Texts of JSON may be empty.
    pub(super) fn one(&self, source: &Source) -> Result<Option<Cow<'r, [u8]>>, Rejection> {
        let field = |form: &'r [u8], name: &str| {
            form::at_most_once(form, name).map_err(|_| Rejection::MalformedBody {
                why: format!("`{name}` comes twice, so that it is unclear which value is signed"),
            })
        };
        match source {
            Source::Header(name) if !self.request.headers.contains_key(name) => Ok(None),
            Source::Header(name) => {
                let text = header(self.request.headers, name)?;
                Ok(Some(Cow::Borrowed(text.as_bytes())))
            }
            Source::Query(name) => field(self.query(), name),
            Source::Form(name) => field(self.form(), name),
            Source::Param(name) => {
                let value = self.params.get(name).map(String::as_bytes);
                Ok(value.map(Cow::Borrowed))
            }
            Source::Json(place) => {
                let found = self.json.get(place.slot).and_then(Option::as_ref);
                Ok(found.and_then(json_text).map(|(bytes, _)| bytes.into()))
            }
            _ => Ok(None),
        }
    }

    /// All fields of the form as they are signed, for [`Source::Sorted`] and [`Source::Values`].
    pub(super) fn fields_as_signed(&self, source: &Source) -> Option<Vec<u8>> {
        let fields = match source {
            Source::Sorted(pairs) => self.sorted(pairs),
            Source::Values(pairs) => self.joined(pairs),
            _ => return None,
        };
        fields.ok().map(Cow::into_owned)
    }

    fn json_value<'v>(&'v self, place: &JsonPlace) -> Option<Found<'v>> {
        let (bytes, is_text) = json_text(self.json.get(place.slot)?.as_ref()?)?;
        Some(Found {
            bytes: Cow::Borrowed(bytes),
            is_text,
        })
    }

    fn path(&self) -> &'r str {
        let url = self.url.unwrap_or(self.request.url);
        // A target may be a whole URL.
        let target = match url.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => url,
        };
        target.split('?').next().unwrap_or_default()
    }

    fn target(&self) -> Cow<'r, [u8]> {
        match self.request.url.split_once('?') {
            Some((_, query)) => format!("{}?{query}", self.path()).into_bytes().into(),
            None => Cow::Borrowed(self.path().as_bytes()),
        }
    }

    /// The fields that count, decoded.
    fn pairs(&self, pairs: &Pairs) -> Vec<DecodedField<'r>> {
        let form = match pairs.in_query {
            true => self.query(),
            false => self.form(),
        };
        let left_out = |name: &[u8]| {
            let names = pairs.without.iter().chain(self.own_fields);
            names.into_iter().any(|other| other.as_bytes() == name)
        };
        form::pairs(form)
            .filter(|(name, _)| !left_out(name))
            .collect()
    }

    fn sorted(&self, pairs: &Pairs) -> Result<Cow<'r, [u8]>, Rejection> {
        let mut fields = self.pairs(pairs);
        fields.sort();
        if let Some(twice) = fields.windows(2).find(|two| two[0].0 == two[1].0) {
            let name = String::from_utf8_lossy(&twice[0].0);
            let why = format!("`{name}` comes twice, so that it is unclear which value is signed");
            return Err(Rejection::MalformedBody { why });
        }
        let mut text = Vec::new();
        for (name, value) in fields {
            if !text.is_empty() {
                text.push(b'&');
            }
            text.extend_from_slice(&name);
            text.push(b'=');
            text.extend_from_slice(&value);
        }
        Ok(text.into())
    }

    fn joined(&self, pairs: &Pairs) -> Result<Cow<'r, [u8]>, Rejection> {
        let fields = self.pairs(pairs).into_iter();
        let values: Vec<_> = fields.map(|(_, value)| value).collect();
        Ok(values.concat().into())
    }
}

/// The query of a request.
pub(super) fn query<'r>(request: &Request<'r>) -> &'r [u8] {
    let query = request.url.split_once('?').map(|(_, query)| query);
    query.unwrap_or_default().as_bytes()
}

/// The form of a request: the body, or the query of a GET request.
pub(super) fn form_of<'r>(request: &Request<'r>) -> &'r [u8] {
    match *request.method == Method::GET {
        true => query(request),
        false => request.body,
    }
}

/// The text of a value as it is signed, and whether it is a string. Numbers and booleans are taken
/// as they are written.
fn json_text<'v>(value: &'v Plucked<'_>) -> Option<(&'v [u8], bool)> {
    match value {
        Plucked::Text(text) => Some((text.as_bytes(), true)),
        other => other.as_text().map(|text| (text.as_bytes(), false)),
    }
}

fn is_absence(why: &Rejection) -> bool {
    matches!(
        why,
        Rejection::MissingField { .. } | Rejection::MissingHeader { .. }
    )
}

/// Why a value cannot be signed.
fn missing(source: &Source) -> Rejection {
    let place = match source {
        Source::Header(name) => {
            return Rejection::MissingHeader {
                header: name.to_string(),
            };
        }
        source => describe(source),
    };
    Rejection::MissingField {
        what: "signed value",
        place,
    }
}

/// Why a value that is there cannot be signed.
fn unfit(source: &Source) -> Rejection {
    let source = match source {
        Source::FirstOf(places) => places.first().unwrap_or(source),
        source => source,
    };
    Rejection::MalformedBody {
        why: format!(
            "{} is there, but cannot be signed: it is no number with at most 64 digits, or has no \
             currency",
            describe(source)
        ),
    }
}

/// The place as a template has it.
pub(super) fn describe(source: &Source) -> String {
    match source {
        Source::Header(name) => name.to_string(),
        Source::Json(place) => format!("`{}`", place.pointer),
        Source::Form(name) => format!("the form's field `{name}`"),
        Source::Query(name) => format!("the parameter `{name}` of the query"),
        Source::Param(name) => format!("the setting `{name}`"),
        _ => "the request".to_owned(),
    }
}
