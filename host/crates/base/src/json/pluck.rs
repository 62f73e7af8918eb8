//! Picks the values at JSON pointers out of a text.

use std::borrow::Cow;

use serde_json::Value;

use super::error::{Fault, NotJson};
use super::pointer::{Node, PointerSet};
use super::scan::Scan;

/// A value that was picked out of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Plucked<'t> {
    /// A string, borrowed from the text if it holds no escape.
    Text(Cow<'t, str>),
    /// A number as it is written: `10.00` and `9007199254740993` stay so.
    Number(&'t str),
    /// Any other value.
    Other(Value),
    /// A value that cannot be represented, such as a string that is not Unicode. The rest of the
    /// text can be read.
    Unreadable {
        /// The index of its first byte in the text.
        at: usize,
    },
}

impl From<Value> for Plucked<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.into()),
            other => Self::Other(other),
        }
    }
}

impl Plucked<'_> {
    /// The value as a tree. `None` if the value cannot be represented, such as a number beyond the
    /// range of a double.
    pub fn into_value(self) -> Option<Value> {
        match self {
            Self::Text(text) => Some(Value::String(text.into_owned())),
            Self::Number(text) => serde_json::from_str(text).ok(),
            Self::Other(value) => Some(value),
            Self::Unreadable { .. } => None,
        }
    }

    /// The value as a text: a string that is not empty, or a number or a boolean as it is written.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(&**text).filter(|text| !text.is_empty()),
            Self::Number(text) => Some(text),
            Self::Other(Value::Bool(true)) => Some("true"),
            Self::Other(Value::Bool(false)) => Some("false"),
            Self::Other(_) | Self::Unreadable { .. } => None,
        }
    }
}

/// The values at the pointers, by the indices that [`PointerSet::add`] returned. `None` if the text
/// has no value there, or a value that cannot be represented. `null` is a value.
///
/// Fails if `text` is not one whole JSON value.
pub fn pluck(text: &[u8], pointers: &PointerSet) -> Result<Vec<Option<Value>>, NotJson> {
    let found = pluck_borrowed(text, pointers)?.into_iter();
    Ok(found
        .map(|value| value.and_then(Plucked::into_value))
        .collect())
}

/// Like [`pluck`], but strings and numbers are borrowed from the text, and a value that cannot be
/// represented is told from one that is absent.
pub fn pluck_borrowed<'t>(
    text: &'t [u8],
    pointers: &PointerSet,
) -> Result<Vec<Option<Plucked<'t>>>, NotJson> {
    let mut found = vec![None; pointers.len()];
    let mut scan = Scan::new(text);
    walk(&mut scan, &pointers.root, &mut found, 0)?;
    scan.end()?;
    Ok(found)
}

/// The value of a JSON text that begins at `at`. Most values are strings without escapes, which
/// need no parser.
fn read(raw: &[u8], at: usize) -> Plucked<'_> {
    let readable = match raw {
        [b'"', text @ .., b'"'] if !text.contains(&b'\\') => std::str::from_utf8(text)
            .ok()
            .map(|text| Plucked::Text(text.into())),
        [b'-' | b'0'..=b'9', ..] => std::str::from_utf8(raw).ok().map(Plucked::Number),
        _ => serde_json::from_slice::<Value>(raw).ok().map(Plucked::from),
    };
    readable.unwrap_or(Plucked::Unreadable { at })
}

/// Walks over the next value of the scan.
fn walk<'t>(
    scan: &mut Scan<'t>,
    node: &Node,
    found: &mut [Option<Plucked<'t>>],
    depth: usize,
) -> Result<(), Fault> {
    let Some(slot) = node.slot else {
        return walk_below(scan, node, found, depth);
    };
    let (at, raw) = scan.value(depth)?;
    found[slot] = Some(read(raw, at));
    // The values of longer pointers stand inside this value.
    match node.children.is_empty() {
        true => Ok(()),
        false => walk_below(&mut Scan::new(raw), node, found, depth),
    }
}

/// Walks over the next value of the scan, for the pointers that lead into it.
fn walk_below<'t>(
    scan: &mut Scan<'t>,
    node: &Node,
    found: &mut [Option<Plucked<'t>>],
    depth: usize,
) -> Result<(), Fault> {
    if node.children.is_empty() {
        return scan.skip(depth);
    }
    match scan.peek() {
        Some(b'{') => scan.object(depth, |scan, key| match node.named(&key) {
            Some(child) => {
                clear(child, found);
                walk(scan, child, found, depth + 1)
            }
            None => scan.skip(depth + 1),
        }),
        Some(b'[') => scan.array(depth, |scan, at| match node.item(at) {
            Some(child) => walk(scan, child, found, depth + 1),
            None => scan.skip(depth + 1),
        }),
        _ => scan.skip(depth),
    }
}

/// Forgets the values found below a node, because its key comes again.
fn clear(node: &Node, found: &mut [Option<Plucked<'_>>]) {
    if let Some(slot) = node.slot {
        found[slot] = None;
    }
    node.children
        .iter()
        .for_each(|(_, child)| clear(child, found));
}
