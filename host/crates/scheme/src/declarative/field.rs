//! Where an event's id, type and so on stand: in the body or in a header.
//!
//! `/data/id` is a JSON pointer into the body (in a batch: into the item), `header:NAME` a
//! header, `'text'` the text itself, `{/resource_type}.{/action}` several of these with text
//! between them. A list of them is tried in turn.

use std::borrow::Cow;

use http::HeaderName;
use serde::Deserialize;
use serde_json::Value;

use crate::headers::FoundHeaders;
use crate::rejection::Rejection;
use tollgate_base::json::{Plucked, PointerSet};

/// One place, or several to be tried in turn.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Selectors {
    /// One.
    One(String),
    /// The first that is there counts.
    FirstOf(Vec<String>),
}

impl Selectors {
    /// The places, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(place) => std::slice::from_ref(place).iter(),
            Self::FirstOf(places) => places.iter(),
        }
        .map(String::as_str)
    }

    /// The places as a sentence names them.
    pub(crate) fn describe(&self) -> String {
        self.iter()
            .map(|place| format!("`{place}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    }
}

/// A part of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Header(HeaderName),
    Pointer { pointer: String, slot: usize },
}

/// Selectors, prepared.
#[derive(Clone, Debug)]
pub(super) struct Field {
    candidates: Vec<Candidate>,
    described: String,
}

#[derive(Clone, Debug)]
enum Candidate {
    /// One value as it is, which may be of any JSON type.
    Plain(Part),
    /// Texts and numbers, one after another.
    Composite(Vec<Part>),
}

/// What a request offers to look fields up in.
#[derive(Clone, Copy)]
pub(super) struct FieldInputs<'a> {
    pub(super) headers: &'a FoundHeaders<'a>,
    pub(super) body: &'a [Option<Plucked<'a>>],
}

/// A field's value.
pub(super) enum FieldValue<'a> {
    Text(Cow<'a, str>),
    Json(&'a Value),
}

impl Field {
    /// Prepares places; their pointers join `pointers`. The error says what is wrong.
    pub(super) fn new(places: &Selectors, pointers: &mut PointerSet) -> Result<Self, String> {
        let candidates = places
            .iter()
            .map(|place| Candidate::new(place, pointers))
            .collect::<Result<Vec<_>, _>>()?;
        if candidates.is_empty() {
            return Err("the list is empty".to_owned());
        }
        Ok(Self {
            candidates,
            described: places.describe(),
        })
    }

    /// Where it stands, for messages.
    pub(super) fn describe(&self) -> &str {
        &self.described
    }

    /// The rejection of a request that has none; `what` names the field.
    pub(super) fn missing(&self, what: &'static str) -> Rejection {
        Rejection::MissingField {
            what,
            place: self.described.clone(),
        }
    }

    /// The first value that is there and not null.
    pub(super) fn value<'f>(&'f self, inputs: FieldInputs<'f>) -> Option<FieldValue<'f>> {
        self.candidates
            .iter()
            .find_map(|candidate| candidate.value(inputs))
    }

    /// The first value that is there, as text; a number or truth value as it is written.
    pub(super) fn text(&self, inputs: FieldInputs<'_>) -> Option<String> {
        self.candidates
            .iter()
            .find_map(|candidate| candidate.text(inputs))
    }

    /// The first value that is there, if it is a text with something in it.
    pub(super) fn string(&self, inputs: FieldInputs<'_>) -> Option<String> {
        match self.value(inputs)? {
            FieldValue::Text(text) if !text.is_empty() => Some(text.into_owned()),
            _ => None,
        }
    }

    /// The parts that it may be made from.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.candidates
            .iter()
            .flat_map(|candidate| match candidate {
                Candidate::Plain(part) => std::slice::from_ref(part),
                Candidate::Composite(parts) => parts.as_slice(),
            })
    }

    /// The headers that it may be made from.
    pub(super) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.parts().filter_map(|part| match part {
            Part::Header(name) => Some(name),
            _ => None,
        })
    }
}

impl Candidate {
    fn new(place: &str, pointers: &mut PointerSet) -> Result<Self, String> {
        if place.contains(['{', '}']) {
            let parts = split_braces(place)?
                .into_iter()
                .map(|(inside, text)| match inside {
                    true => reference(text, pointers),
                    false => Ok(Part::Literal(text.to_owned())),
                })
                .collect::<Result<_, _>>()?;
            return Ok(Self::Composite(parts));
        }
        reference(place, pointers).map(Self::Plain)
    }

    fn value<'f>(&'f self, inputs: FieldInputs<'f>) -> Option<FieldValue<'f>> {
        match self {
            Self::Plain(part) => part.value(inputs),
            Self::Composite(_) => self.text(inputs).map(|text| FieldValue::Text(text.into())),
        }
    }

    /// The value as text, if it is one that can be written so and has something in it.
    fn text(&self, inputs: FieldInputs<'_>) -> Option<String> {
        match self {
            Self::Plain(part) => part.text(inputs).map(Cow::into_owned),
            Self::Composite(parts) => parts.iter().map(|part| part.text(inputs)).collect(),
        }
    }
}

impl Part {
    fn value<'f>(&'f self, inputs: FieldInputs<'f>) -> Option<FieldValue<'f>> {
        let text = match self {
            Self::Literal(text) => text.as_str(),
            Self::Header(name) => inputs.headers.get(name)?,
            Self::Pointer { slot, .. } => match inputs.body.get(*slot)?.as_ref()? {
                Plucked::Text(text) => text,
                Plucked::Other(Value::Null) => return None,
                Plucked::Other(value) => return Some(FieldValue::Json(value)),
            },
        };
        Some(FieldValue::Text(text.into()))
    }

    /// A text with something in it, a number or a truth value, as text.
    fn text<'f>(&'f self, inputs: FieldInputs<'f>) -> Option<Cow<'f, str>> {
        match self.value(inputs)? {
            FieldValue::Text(text) => Some(text).filter(|text| !text.is_empty()),
            FieldValue::Json(Value::Number(number)) => Some(number.to_string().into()),
            FieldValue::Json(Value::Bool(truth)) => Some(truth.to_string().into()),
            FieldValue::Json(_) => None,
        }
    }
}

fn reference(place: &str, pointers: &mut PointerSet) -> Result<Part, String> {
    if let Some(name) = place.strip_prefix("header:") {
        return header_name(name).map(Part::Header);
    }
    if let Some(text) = place
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
    {
        return Ok(Part::Literal(text.to_owned()));
    }
    if !place.starts_with('/') {
        return Err(format!(
            "`{place}` is neither a JSON pointer (`/id`) nor a header (`header:x-id`) nor a text in quotes (`'event'`)"
        ));
    }
    let slot = pointers.add(place).map_err(|error| error.to_string())?;
    Ok(Part::Pointer {
        pointer: place.to_owned(),
        slot,
    })
}

/// A header's name, checked.
pub(super) fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::try_from(name).map_err(|_| format!("`{name}` is no header name"))
}

/// Splits `a{b}c` into parts; true for those that stood in braces.
pub(super) fn split_braces(text: &str) -> Result<Vec<(bool, &str)>, String> {
    let unbalanced = || format!("the braces in `{text}` do not match");
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, tail) = after.split_once('}').ok_or_else(unbalanced)?;
        if before.contains('}') || inside.contains('{') {
            return Err(unbalanced());
        }
        if !before.is_empty() {
            parts.push((false, before));
        }
        parts.push((true, inside));
        rest = tail;
    }
    if rest.contains('}') {
        return Err(unbalanced());
    }
    if !rest.is_empty() {
        parts.push((false, rest));
    }
    Ok(parts)
}
