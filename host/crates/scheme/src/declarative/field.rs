//! Finds a field of an event, such as its id or type, in the body or in a header.
//!
//! A selector says where the field stands. `/data/id` is a JSON pointer into the body (in a batch:
//! into the item), `header:NAME` a header, `'text'` the text itself. In
//! `{/resource_type}.{/action}` several selectors are joined by text. A list of selectors is tried
//! in turn.

use std::borrow::Cow;

use http::HeaderName;
use serde::Deserialize;
use serde_json::Value;

use super::syntax::{BracePart, SyntaxError, header_name, split_braces};
use crate::headers::FoundHeaders;
use crate::rejection::Rejection;
use tollgate_base::json::{Plucked, PointerSet};

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
    /// The value at a JSON pointer: the index in [`FieldInputs::body`].
    Pointer(usize),
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
}

/// The value of a field.
pub(super) enum FieldValue<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// Another JSON value.
    Json(&'a Value),
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

    /// The rejection of a request without this field. `what` names the field.
    pub(super) fn missing(&self, what: &'static str) -> Rejection {
        Rejection::MissingField {
            what,
            place: self.described.clone(),
        }
    }

    /// The first value that is there and not null.
    pub(super) fn value<'f>(&'f self, inputs: FieldInputs<'f>) -> Option<FieldValue<'f>> {
        let mut selectors = self.selectors.iter();
        selectors.find_map(|selector| selector.value(inputs))
    }

    /// The first value that can be a text: a string that is not empty, a number or a boolean.
    pub(super) fn text(&self, inputs: FieldInputs<'_>) -> Option<String> {
        let mut selectors = self.selectors.iter();
        selectors.find_map(|selector| selector.text(inputs))
    }

    /// The first value, if it is a string that is not empty.
    pub(super) fn string(&self, inputs: FieldInputs<'_>) -> Option<String> {
        match self.value(inputs)? {
            FieldValue::Text(text) if !text.is_empty() => Some(text.into_owned()),
            _ => None,
        }
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

    fn value<'f>(&'f self, inputs: FieldInputs<'f>) -> Option<FieldValue<'f>> {
        match self {
            Self::Plain(part) => part.value(inputs),
            Self::Joined(_) => {
                let text = self.text(inputs)?;
                Some(FieldValue::Text(text.into()))
            }
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
        if !selector.starts_with('/') {
            return Err(SyntaxError::Selector(selector.to_owned()));
        }
        Ok(Self::Pointer(pointers.add(selector)?))
    }

    fn value<'f>(&'f self, inputs: FieldInputs<'f>) -> Option<FieldValue<'f>> {
        let text = match self {
            Self::Literal(text) => text.as_str(),
            Self::Header(name) => inputs.headers.get(name)?,
            Self::Pointer(slot) => match inputs.body.get(*slot)?.as_ref()? {
                Plucked::Text(text) => text,
                Plucked::Other(Value::Null) => return None,
                Plucked::Other(value) => return Some(FieldValue::Json(value)),
            },
        };
        Some(FieldValue::Text(text.into()))
    }

    fn text<'f>(&'f self, inputs: FieldInputs<'f>) -> Option<Cow<'f, str>> {
        match self.value(inputs)? {
            FieldValue::Text(text) => Some(text).filter(|text| !text.is_empty()),
            FieldValue::Json(Value::Number(number)) => Some(number.to_string().into()),
            FieldValue::Json(Value::Bool(truth)) => Some(truth.to_string().into()),
            FieldValue::Json(_) => None,
        }
    }
}
