//! Finds a field of an event, such as its id or type, in the body or in a header.
//!
//! A selector says where the field stands. `/data/id` is a JSON pointer into the body (in a batch:
//! into the item), `header:NAME` a header, `form:NAME` a field of the form, `query:NAME` a
//! parameter of the query, `'text'` the text itself. In `{/resource_type}.{/action}` several
//! selectors are joined by text. A list of selectors is tried in turn. In `dedup`, `timestamp` is
//! the signed timestamp, `body` the hash of the event's bytes and `signed` the hash of the signed
//! bytes.

use std::borrow::Cow;

use super::coverage::Coverage;
use super::json_place::JsonPlace;
use super::syntax::{BracePart, SyntaxError, header_name, split_braces};
use crate::encoding::hexadecimal;
use crate::form;
use crate::headers::FoundHeaders;
use crate::rejection::Rejection;
use crate::verified::digest_of;
use http::HeaderName;
use serde::Deserialize;
use tollgate_base::json::{NotJson, Plucked, PointerSet};

/// One selector, or several that are tried in turn.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Selectors {
    /// One selector.
    One(String),
    /// Several selectors. The first that finds a value counts.
    FirstOf(Vec<String>),
}

impl Selectors {
    /// The selectors, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(selector) => std::slice::from_ref(selector).iter(),
            Self::FirstOf(selectors) => selectors.iter(),
        }
        .map(String::as_str)
    }

    /// The selectors as a part of a sentence.
    pub(crate) fn describe(&self) -> String {
        self.iter()
            .map(|selector| format!("`{selector}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    }
}

/// A part of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The text itself.
    Literal(String),
    /// The value of a header.
    Header(HeaderName),
    /// The value at a JSON pointer; the slot is its index in [`FieldInputs::body`].
    Pointer(JsonPlace),
    /// The value of a field of the form.
    Form(String),
    /// The value of a parameter of the query.
    Query(String),
    /// The signed timestamp.
    Timestamp,
    /// The sha256 of the event's bytes, in hexadecimal.
    Body,
    /// The sha256 of the signed bytes, in hexadecimal.
    Signed,
}

/// A field of an event: its selectors, ready to be looked up.
#[derive(Clone, Debug)]
pub(super) struct Field {
    selectors: Vec<Selector>,
    described: String,
}

/// One selector of a field.
#[derive(Clone, Debug)]
enum Selector {
    /// One value as it is, of any JSON type.
    Plain(Part),
    /// Texts and numbers, joined.
    Joined(Vec<Part>),
}

/// The values of a request in which fields are looked up.
#[derive(Clone, Copy)]
pub(super) struct FieldInputs<'a> {
    /// The headers of the request.
    pub(super) headers: &'a FoundHeaders<'a>,
    /// The values in the body, by the indices of their pointers.
    pub(super) body: &'a [Option<Plucked<'a>>],
    /// The text of the signed timestamp.
    pub(super) timestamp: Option<&'a str>,
    /// The bytes of the event.
    pub(super) payload: &'a [u8],
    /// The form of the request.
    pub(super) form: &'a [u8],
    /// The query of the request.
    pub(super) query: &'a [u8],
    /// What the signature covers.
    pub(super) coverage: &'a dyn Coverage,
    /// Whether any value of the request is among the signed bytes.
    pub(super) signs_a_value: bool,
}

impl FieldInputs<'_> {
    /// The sha256 of the event's bytes, without differences that the signature leaves open.
    pub(super) fn body_digest(&self) -> [u8; 32] {
        digest_of([&*self.coverage.identity_bytes(self.payload)])
    }
}

impl Field {
    /// A field with these selectors. Adds their JSON pointers to `pointers`.
    pub(super) fn new(
        selectors: &Selectors,
        pointers: &mut PointerSet,
    ) -> Result<Self, SyntaxError> {
        let described = selectors.describe();
        let selectors = selectors
            .iter()
            .map(|selector| Selector::new(selector, pointers))
            .collect::<Result<Vec<_>, _>>()?;
        if selectors.is_empty() {
            return Err(SyntaxError::EmptyList);
        }
        Ok(Self {
            selectors,
            described,
        })
    }

    /// The selectors as a part of a sentence.
    pub(super) fn describe(&self) -> &str {
        &self.described
    }

    /// Why an event has no such field. `what` names the field.
    pub(super) fn missing(&self, what: &'static str, inputs: FieldInputs<'_>) -> Rejection {
        let unreadable = self.parts().find_map(|part| match part {
            Part::Pointer(place) => match inputs.body.get(place.slot)?.as_ref()? {
                Plucked::Unreadable { at } => Some(*at),
                _ => None,
            },
            _ => None,
        });
        if let Some(at) = unreadable {
            return NotJson::Unreadable { at }.into();
        }
        Rejection::MissingField {
            what,
            place: self.described.clone(),
        }
    }

    /// Whether a value is there and not null.
    pub(super) fn is_there(&self, inputs: FieldInputs<'_>) -> bool {
        let mut selectors = self.selectors.iter();
        selectors.any(|selector| selector.is_there(inputs))
    }

    /// The first value that can be a text: a string that is not empty, or a number or a boolean as
    /// it is written.
    pub(super) fn text(&self, inputs: FieldInputs<'_>) -> Option<String> {
        let mut selectors = self.selectors.iter();
        selectors.find_map(|selector| selector.text(inputs))
    }

    /// The parts of all selectors.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        let selectors = self.selectors.iter();
        selectors.flat_map(|selector| match selector {
            Selector::Plain(part) => std::slice::from_ref(part),
            Selector::Joined(parts) => parts.as_slice(),
        })
    }

    /// The headers of all selectors.
    pub(super) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.parts().filter_map(|part| match part {
            Part::Header(name) => Some(name),
            _ => None,
        })
    }
}

impl Selector {
    fn new(selector: &str, pointers: &mut PointerSet) -> Result<Self, SyntaxError> {
        if !selector.contains(['{', '}']) {
            return Part::new(selector, pointers).map(Self::Plain);
        }
        let parts = split_braces(selector)?.into_iter();
        let parts = parts.map(|part| match part {
            BracePart::Inside(selector) => Part::new(selector, pointers),
            BracePart::Outside(text) => Ok(Part::Literal(text.to_owned())),
        });
        parts.collect::<Result<_, _>>().map(Self::Joined)
    }

    fn is_there(&self, inputs: FieldInputs<'_>) -> bool {
        match self {
            Self::Plain(part) => part.is_there(inputs),
            Self::Joined(parts) => parts.iter().all(|part| part.is_there(inputs)),
        }
    }

    fn text(&self, inputs: FieldInputs<'_>) -> Option<String> {
        match self {
            Self::Plain(part) => part.text(inputs).map(Cow::into_owned),
            Self::Joined(parts) => parts.iter().map(|part| part.text(inputs)).collect(),
        }
    }
}

impl Part {
    fn new(selector: &str, pointers: &mut PointerSet) -> Result<Self, SyntaxError> {
        if let Some(name) = selector.strip_prefix("header:") {
            return header_name(name).map(Self::Header);
        }
        let quoted = selector.strip_prefix('\'');
        if let Some(text) = quoted.and_then(|rest| rest.strip_suffix('\'')) {
            return Ok(Self::Literal(text.to_owned()));
        }
        let named = |kind: &str| selector.strip_prefix(kind).filter(|name| !name.is_empty());
        if let Some(name) = named("form:") {
            return Ok(Self::Form(name.to_owned()));
        }
        if let Some(name) = named("query:") {
            return Ok(Self::Query(name.to_owned()));
        }
        match selector {
            "timestamp" => return Ok(Self::Timestamp),
            "body" => return Ok(Self::Body),
            "signed" => return Ok(Self::Signed),
            _ => {}
        }
        if !selector.starts_with('/') {
            return Err(SyntaxError::Selector(selector.to_owned()));
        }
        Ok(Self::Pointer(JsonPlace::new(selector, pointers)?))
    }

    fn is_there(&self, inputs: FieldInputs<'_>) -> bool {
        match self {
            Self::Pointer(place) => match inputs.body.get(place.slot) {
                Some(Some(Plucked::Other(value))) => !value.is_null(),
                Some(Some(_)) => true,
                _ => false,
            },
            other => other.text(inputs).is_some(),
        }
    }

    fn text<'f>(&'f self, inputs: FieldInputs<'f>) -> Option<Cow<'f, str>> {
        let text = match self {
            Self::Literal(text) => text.as_str(),
            Self::Header(name) => inputs.headers.get(name)?,
            Self::Pointer(place) => inputs.body.get(place.slot)?.as_ref()?.as_text()?,
            Self::Timestamp => inputs.timestamp?,
            Self::Form(name) => return field(inputs.form, name),
            Self::Query(name) => return field(inputs.query, name),
            Self::Body => return Some(hexadecimal(&inputs.body_digest()).into()),
            Self::Signed => {
                return Some(hexadecimal(&inputs.coverage.digest(inputs.payload)).into());
            }
        };
        Some(text)
            .filter(|text| !text.is_empty())
            .map(Cow::Borrowed)
    }
}

/// The text of a field that comes once and is not empty.
fn field<'f>(form: &'f [u8], name: &str) -> Option<Cow<'f, str>> {
    let text = match form::single(form, name)? {
        Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    };
    Some(text).filter(|text| !text.is_empty())
}
