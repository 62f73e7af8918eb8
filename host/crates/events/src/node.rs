//! JSON as a tree that keeps the order of members and the text of numbers.
//!
//! Providers sign bytes, so a sample must look as its provider writes it: `10.00` stays `10.00`,
//! and the first member stays the first.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// An object, with its members in the order in which they were written.
    Object(Vec<(String, Node)>),
    /// An array.
    Array(Vec<Node>),
    /// A string.
    Text(String),
    /// A number, `true`, `false` or `null`, as it was written.
    Raw(String),
}

impl Node {
    /// The value of a JSON text.
    pub(crate) fn read(text: &str) -> Result<Self, serde_json::Error> {
        let text = text.trim();
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let Members(members) = serde_json::from_str(text)?;
                let read =
                    |(name, raw): (String, Box<RawValue>)| Ok((name, Self::read(raw.get())?));
                let members: Result<_, serde_json::Error> = members.into_iter().map(read).collect();
                Self::Object(members?)
            }
            Some(b'[') => {
                let items: Vec<Box<RawValue>> = serde_json::from_str(text)?;
                let items: Result<_, _> = items.iter().map(|raw| Self::read(raw.get())).collect();
                Self::Array(items?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            _ => Self::Raw(
                serde_json::from_str::<Box<RawValue>>(text)?
                    .get()
                    .to_owned(),
            ),
        })
    }

    /// A number.
    pub(crate) fn number(number: impl fmt::Display) -> Self {
        Self::Raw(number.to_string())
    }

    /// The text of a string, number or boolean. `None` for objects and arrays.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Raw(text) => Some(text),
            Self::Object(_) | Self::Array(_) => None,
        }
    }

    /// Sets the member of an object. A new member comes last.
    pub(crate) fn set(members: &mut Vec<(String, Self)>, name: &str, value: Self) {
        match members.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => members.push((name.to_owned(), value)),
        }
    }

    /// The JSON text in lines, two spaces a level.
    pub(crate) fn pretty(&self) -> String {
        let mut text = String::new();
        self.write_pretty(&mut text, 1);
        text
    }

    fn write_pretty(&self, out: &mut String, level: usize) {
        let line = |out: &mut String, level: usize| {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", level));
        };
        match self {
            Self::Object(members) if !members.is_empty() => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    line(out, level);
                    let _ = write!(out, "{}: ", Quoted(name));
                    value.write_pretty(out, level + 1);
                }
                line(out, level - 1);
                out.push('}');
            }
            Self::Array(items) if !items.is_empty() => {
                out.push('[');
                for (at, value) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    line(out, level);
                    value.write_pretty(out, level + 1);
                }
                line(out, level - 1);
                out.push(']');
            }
            other => {
                let _ = write!(out, "{other}");
            }
        }
    }
}

impl fmt::Display for Node {
    /// The JSON text without white space.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = |at: usize| if at > 0 { "," } else { "" };
        match self {
            Self::Object(members) => {
                f.write_str("{")?;
                for (at, (name, value)) in members.iter().enumerate() {
                    write!(f, "{}{}:{value}", comma(at), Quoted(name))?;
                }
                f.write_str("}")
            }
            Self::Array(items) => {
                f.write_str("[")?;
                for (at, value) in items.iter().enumerate() {
                    write!(f, "{}{value}", comma(at))?;
                }
                f.write_str("]")
            }
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Raw(text) => f.write_str(text),
        }
    }
}

/// A text as JSON writes it.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self.0).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        Self::read(raw.get()).map_err(D::Error::custom)
    }
}

/// The members of an object, in order.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(InOrder)
    }
}
