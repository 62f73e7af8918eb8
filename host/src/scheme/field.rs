//! Where an event's id, type and so on stand: in the body or in a header.
//!
//! `/data/id` is a JSON pointer into the body (in a batch: into the item), `header:NAME` a
//! header, `'text'` the text itself, `{/resource_type}.{/action}` several of these with text
//! between them. A list of them is tried in turn.

use std::borrow::Cow;

use http::HeaderName;
use serde::Deserialize;
use serde_json::Value;

use super::headers::FoundHeaders;
use crate::json::{Plucked, PointerSet};

/// One place, or several to be tried in turn.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Places {
    /// One.
    One(String),
    /// The first that is there counts.
    Many(Vec<String>),
}

impl Places {
    /// The places, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(place) => std::slice::from_ref(place).iter(),
            Self::Many(places) => places.iter(),
        }
        .map(String::as_str)
    }

    /// The places as a sentence names them.
    pub(super) fn describe(&self) -> String {
        self.iter()
            .map(|place| format!("`{place}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    }
}

/// A piece of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Header(HeaderName),
    Pointer { pointer: String, slot: usize },
}

/// Places, prepared.
#[derive(Clone, Debug)]
pub(super) struct Field {
    choices: Vec<Choice>,
    described: String,
}

#[derive(Clone, Debug)]
enum Choice {
    /// One value as it is, which may be of any JSON type.
    Plain(Piece),
    /// Texts and numbers, one after another.
    Composite(Vec<Piece>),
}

/// What a request offers to look fields up in.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) headers: &'a FoundHeaders<'a>,
    pub(super) found: &'a [Option<Plucked<'a>>],
}

/// A field's value.
pub(super) enum Fact<'a> {
    Text(Cow<'a, str>),
    Other(&'a Value),
}

impl Field {
    /// Prepares places; their pointers join `pointers`. The error says what is wrong.
    pub(super) fn new(places: &Places, pointers: &mut PointerSet) -> Result<Self, String> {
        let choices = places
            .iter()
            .map(|place| Choice::new(place, pointers))
            .collect::<Result<Vec<_>, _>>()?;
        if choices.is_empty() {
            return Err("the list is empty".to_owned());
        }
        Ok(Self {
            choices,
            described: places.describe(),
        })
    }

    /// Where it stands, for messages.
    pub(super) fn describe(&self) -> &str {
        &self.described
    }

    /// The first value that is there and not null.
    pub(super) fn value<'f>(&'f self, facts: Facts<'f>) -> Option<Fact<'f>> {
        self.choices.iter().find_map(|choice| choice.value(facts))
    }

    /// The first value that is there, as text; a number or truth value as it is written.
    pub(super) fn text(&self, facts: Facts<'_>) -> Option<String> {
        self.choices.iter().find_map(|choice| choice.text(facts))
    }

    /// The first value that is there, if it is a text with something in it.
    pub(super) fn string(&self, facts: Facts<'_>) -> Option<String> {
        match self.value(facts)? {
            Fact::Text(text) if !text.is_empty() => Some(text.into_owned()),
            _ => None,
        }
    }

    /// The pieces that it may be made from.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.choices.iter().flat_map(|choice| match choice {
            Choice::Plain(piece) => std::slice::from_ref(piece),
            Choice::Composite(pieces) => pieces.as_slice(),
        })
    }

    /// The headers that it may be made from.
    pub(super) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.pieces().filter_map(|piece| match piece {
            Piece::Header(name) => Some(name),
            _ => None,
        })
    }
}

impl Choice {
    fn new(place: &str, pointers: &mut PointerSet) -> Result<Self, String> {
        if place.contains(['{', '}']) {
            let pieces = split_braces(place)?
                .into_iter()
                .map(|(inside, text)| match inside {
                    true => reference(text, pointers),
                    false => Ok(Piece::Text(text.to_owned())),
                })
                .collect::<Result<_, _>>()?;
            return Ok(Self::Composite(pieces));
        }
        reference(place, pointers).map(Self::Plain)
    }

    fn value<'f>(&'f self, facts: Facts<'f>) -> Option<Fact<'f>> {
        match self {
            Self::Plain(piece) => piece.value(facts),
            Self::Composite(_) => self.text(facts).map(|text| Fact::Text(text.into())),
        }
    }

    /// The value as text, if it is one that can be written so and has something in it.
    fn text(&self, facts: Facts<'_>) -> Option<String> {
        match self {
            Self::Plain(piece) => piece.text(facts).map(Cow::into_owned),
            Self::Composite(pieces) => pieces.iter().map(|piece| piece.text(facts)).collect(),
        }
    }
}

impl Piece {
    fn value<'f>(&'f self, facts: Facts<'f>) -> Option<Fact<'f>> {
        let text = match self {
            Self::Text(text) => text.as_str(),
            Self::Header(name) => facts.headers.get(name)?,
            Self::Pointer { slot, .. } => match facts.found.get(*slot)?.as_ref()? {
                Plucked::Text(text) => text,
                Plucked::Other(Value::Null) => return None,
                Plucked::Other(value) => return Some(Fact::Other(value)),
            },
        };
        Some(Fact::Text(text.into()))
    }

    /// A text with something in it, a number or a truth value, as text.
    fn text<'f>(&'f self, facts: Facts<'f>) -> Option<Cow<'f, str>> {
        match self.value(facts)? {
            Fact::Text(text) => Some(text).filter(|text| !text.is_empty()),
            Fact::Other(Value::Number(number)) => Some(number.to_string().into()),
            Fact::Other(Value::Bool(truth)) => Some(truth.to_string().into()),
            Fact::Other(_) => None,
        }
    }
}

fn reference(place: &str, pointers: &mut PointerSet) -> Result<Piece, String> {
    if let Some(name) = place.strip_prefix("header:") {
        return header_name(name).map(Piece::Header);
    }
    if let Some(text) = place
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
    {
        return Ok(Piece::Text(text.to_owned()));
    }
    if !place.starts_with('/') {
        return Err(format!(
            "`{place}` is neither a JSON pointer (`/id`) nor a header (`header:x-id`) nor a text in quotes (`'event'`)"
        ));
    }
    let slot = pointers.add(place).map_err(|error| error.to_string())?;
    Ok(Piece::Pointer {
        pointer: place.to_owned(),
        slot,
    })
}

/// A header's name, checked.
pub(super) fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::try_from(name).map_err(|_| format!("`{name}` is no header name"))
}

/// Splits `a{b}c` into pieces; true for those that stood in braces.
pub(super) fn split_braces(text: &str) -> Result<Vec<(bool, &str)>, String> {
    let unbalanced = || format!("the braces in `{text}` do not match");
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, tail) = after.split_once('}').ok_or_else(unbalanced)?;
        if before.contains('}') || inside.contains('{') {
            return Err(unbalanced());
        }
        if !before.is_empty() {
            pieces.push((false, before));
        }
        pieces.push((true, inside));
        rest = tail;
    }
    if rest.contains('}') {
        return Err(unbalanced());
    }
    if !rest.is_empty() {
        pieces.push((false, rest));
    }
    Ok(pieces)
}
