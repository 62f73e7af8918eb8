//! Picks the values at JSON pointers out of a text.

use std::borrow::Cow;

use serde_json::Value;

use super::error::{Fault, NotJson};
use super::pointer::{Node, PointerSet, index};
use super::scan::Scan;

/// A value that was picked out of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Plucked<'t> {
    /// A string, borrowed from the text if it holds no escape.
    Text(Cow<'t, str>),
    /// Any other value.
    Other(Value),
}

impl From<Value> for Plucked<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.into()),
            other => Self::Other(other),
        }
    }
}

impl From<Plucked<'_>> for Value {
    fn from(plucked: Plucked<'_>) -> Self {
        match plucked {
            Plucked::Text(text) => Self::String(text.into_owned()),
            Plucked::Other(value) => value,
        }
    }
}

/// The values at the pointers, by the indices that [`PointerSet::add`] returned. `None` if the text
/// has no value there. `null` is a value.
///
/// Fails if `text` is not one whole JSON value.
pub fn pluck(text: &[u8], pointers: &PointerSet) -> Result<Vec<Option<Value>>, NotJson> {
    let found = pluck_borrowed(text, pointers)?.into_iter();
    Ok(found.map(|value| value.map(Value::from)).collect())
}

/// Like [`pluck`], but strings are borrowed from the text.
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

/// The value of a JSON text. Most values are strings without escapes, which need no parser.
fn read(raw: &[u8]) -> Option<Plucked<'_>> {
    match raw {
        [b'"', text @ .., b'"'] if !text.contains(&b'\\') => {
            Some(Plucked::Text(std::str::from_utf8(text).ok()?.into()))
        }
        _ => Some(serde_json::from_slice::<Value>(raw).ok()?.into()),
    }
}

/// Walks over the next value of the scan.
fn walk<'t>(
    scan: &mut Scan<'t>,
    node: &Node,
    found: &mut [Option<Plucked<'t>>],
    depth: usize,
) -> Result<(), Fault> {
    if let Some(slot) = node.slot {
        let (at, raw) = scan.value(depth)?;
        let value = read(raw).ok_or_else(|| Box::new(NotJson::Unreadable { at }))?;
        match value {
            Plucked::Other(value) => keep(node, value, found),
            // No pointer leads into a string.
            text => found[slot] = Some(text),
        }
        return Ok(());
    }
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

/// Keeps a value at which a pointer ends, and finds the values of longer pointers inside it.
fn keep(node: &Node, value: Value, found: &mut [Option<Plucked<'_>>]) {
    for (step, child) in &node.children {
        let inner = match &value {
            Value::Object(fields) => fields.get(step),
            Value::Array(items) => index(step).and_then(|at| items.get(at)),
            _ => None,
        };
        if let Some(inner) = inner {
            keep(child, inner.clone(), found);
        }
    }
    if let Some(slot) = node.slot {
        found[slot] = Some(value.into());
    }
}
