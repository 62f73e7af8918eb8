//! Picks a few values out of a JSON text in one pass.
//!
//! A webhook's body is a few kilobytes of which the gateway needs an id, a type and
//! perhaps a filter's fields. To build a tree of the whole would cost several times what
//! checking the signature costs, and even serde's skipping twice as much. So a scanner of
//! its own walks the text once, notes where the wanted values stand, and has serde_json read
//! these alone. The whole text is still checked to be JSON. Where an object names a key
//! twice the last one counts, as in `JSON.parse`.

mod mask;
mod redact;
mod scan;

use std::borrow::Cow;

use serde_json::Value;

use scan::{Fault, Scan};

pub use redact::redact;

/// A pointer that is not a JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It does not begin with a slash.
    #[error("the JSON pointer `{0}` must begin with `/`")]
    NoSlash(String),
    /// A `~` that is followed by neither `0` nor `1`.
    #[error("the JSON pointer `{0}` has a `~` that is neither `~0` (for `~`) nor `~1` (for `/`)")]
    Escape(String),
}

/// A text that is not JSON, or not of the shape that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    /// It breaks off, or goes on where it should not.
    #[error("it is not JSON: {expected} expected at byte {at}")]
    Syntax {
        /// Where, from 0.
        at: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// Objects and arrays within each other, more than any real body has.
    #[error("it nests more than {} levels deep", scan::MAX_DEPTH)]
    TooDeep,
    /// A wanted value that cannot be represented, such as a text that is not Unicode.
    #[error("the value at byte {at} cannot be read")]
    Unreadable {
        /// Where it begins, from 0.
        at: usize,
    },
    /// There is no array where one should be.
    #[error("it has no array at `{pointer}`")]
    NoArray {
        /// Where it should be.
        pointer: String,
    },
}

impl From<Fault> for NotJson {
    fn from(fault: Fault) -> Self {
        *fault
    }
}

/// A value that was picked out of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Plucked<'t> {
    /// A string; borrowed, where no escape stands in it.
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

/// JSON pointers, prepared to be looked up together.
#[derive(Clone, Debug, Default)]
pub struct PointerSet {
    root: Node,
    slots: usize,
}

/// A place in the tree of pointers.
#[derive(Clone, Debug, Default)]
struct Node {
    /// The answer's index, where a pointer ends here.
    slot: Option<usize>,
    /// The unescaped next steps.
    children: Vec<(String, Node)>,
    /// A bit for each length that a step has (63 for all that are longer), so that most
    /// keys need no comparison.
    lengths: u64,
}

impl PointerSet {
    /// A set of `pointers`; answers come in this order, unless a pointer comes twice: then
    /// [`PointerSet::add`] tells where.
    pub fn new<S: AsRef<str>>(pointers: &[S]) -> Result<Self, PointerError> {
        let mut set = Self::default();
        for pointer in pointers {
            set.add(pointer.as_ref())?;
        }
        Ok(set)
    }

    /// Adds a pointer and returns the index of its value in what [`pluck`] answers; the
    /// same one for the same pointer.
    pub fn add(&mut self, pointer: &str) -> Result<usize, PointerError> {
        let steps = steps(pointer)?;
        let node = steps.into_iter().fold(&mut self.root, Node::child);
        let slot = *node.slot.get_or_insert(self.slots);
        self.slots = self.slots.max(slot + 1);
        Ok(slot)
    }

    /// How many values [`pluck`] answers.
    pub fn len(&self) -> usize {
        self.slots
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.slots == 0
    }
}

impl Node {
    fn child(&mut self, step: String) -> &mut Self {
        let at = match self.children.iter().position(|(name, _)| *name == step) {
            Some(at) => at,
            None => {
                self.lengths |= length_bit(step.len());
                self.children.push((step, Self::default()));
                self.children.len() - 1
            }
        };
        &mut self.children[at].1
    }

    /// The child that a key names.
    fn named(&self, key: &[u8]) -> Option<&Self> {
        if self.lengths & length_bit(key.len()) == 0 {
            return None;
        }
        self.children
            .iter()
            .find_map(|(name, node)| (name.as_bytes() == key).then_some(node))
    }

    /// The child for an item of an array.
    fn item(&self, at: usize) -> Option<&Self> {
        self.children
            .iter()
            .find_map(|(step, node)| (index(step) == Some(at)).then_some(node))
    }

    /// Forgets what was found below, for a key that comes once more.
    fn clear(&self, found: &mut [Option<Plucked<'_>>]) {
        if let Some(slot) = self.slot {
            found[slot] = None;
        }
        self.children.iter().for_each(|(_, node)| node.clear(found));
    }

    /// Looks the pointers up in a value that has been built because a pointer ends here.
    fn keep(&self, value: Value, found: &mut [Option<Plucked<'_>>]) {
        for (step, node) in &self.children {
            let inner = match &value {
                Value::Object(fields) => fields.get(step),
                Value::Array(items) => index(step).and_then(|at| items.get(at)),
                _ => None,
            };
            if let Some(inner) = inner {
                node.keep(inner.clone(), found);
            }
        }
        if let Some(slot) = self.slot {
            found[slot] = Some(value.into());
        }
    }
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// The unescaped steps of a pointer.
fn steps(pointer: &str) -> Result<Vec<String>, PointerError> {
    let Some(rest) = pointer.strip_prefix('/') else {
        return match pointer {
            "" => Ok(Vec::new()),
            _ => Err(PointerError::NoSlash(pointer.to_owned())),
        };
    };
    rest.split('/')
        .map(|step| {
            let mut parts = step.split('~');
            let mut plain = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (sign, tail) = match part.as_bytes().first() {
                    Some(b'0') => ('~', &part[1..]),
                    Some(b'1') => ('/', &part[1..]),
                    _ => return Err(PointerError::Escape(pointer.to_owned())),
                };
                plain.push(sign);
                plain.push_str(tail);
            }
            Ok(plain)
        })
        .collect()
}

/// The array index that a step names: decimal digits without a leading zero.
fn index(step: &str) -> Option<usize> {
    let digits = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (step == "0" || !step.starts_with('0')) {
        step.parse().ok()
    } else {
        None
    }
}

/// The values at the pointers, by the indices that [`PointerSet::add`] gave; `None` where
/// the text has nothing there. `null` is a value.
///
/// Fails if `text` is not one whole JSON value.
pub fn pluck(text: &[u8], pointers: &PointerSet) -> Result<Vec<Option<Value>>, NotJson> {
    let found = pluck_borrowed(text, pointers)?.into_iter();
    Ok(found.map(|value| value.map(Value::from)).collect())
}

/// The same, with strings left where they stand.
pub fn pluck_borrowed<'t>(
    text: &'t [u8],
    pointers: &PointerSet,
) -> Result<Vec<Option<Plucked<'t>>>, NotJson> {
    let mut found = vec![None; pointers.slots];
    let mut scan = Scan::new(text);
    walk(&mut scan, &pointers.root, &mut found, 0)?;
    scan.end()?;
    Ok(found)
}

/// The value that this text, which is JSON, stands for. Most are strings without escapes,
/// for which a parser need not be set up.
fn read(raw: &[u8]) -> Option<Plucked<'_>> {
    match raw {
        [b'"', text @ .., b'"'] if !text.contains(&b'\\') => {
            Some(Plucked::Text(std::str::from_utf8(text).ok()?.into()))
        }
        _ => Some(serde_json::from_slice::<Value>(raw).ok()?.into()),
    }
}

/// Walks the value that the scan stands before.
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
            Plucked::Other(value) => node.keep(value, found),
            // Nothing lies below a string.
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
                child.clear(found);
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

/// The exact bytes of each item of the array at `pointer`, which leads through objects
/// alone, without copying them.
///
/// Fails if `text` is not one whole JSON value, or has no array there.
pub fn items<'t>(text: &'t [u8], pointer: &str) -> Result<Vec<&'t [u8]>, NotJson> {
    let no_array = || NotJson::NoArray {
        pointer: pointer.to_owned(),
    };
    let steps = steps(pointer).map_err(|_| no_array())?;
    let mut scan = Scan::new(text);
    let found = items_below(&mut scan, &steps, 0)?;
    scan.end()?;
    found.ok_or_else(no_array)
}

fn items_below<'t>(
    scan: &mut Scan<'t>,
    steps: &[String],
    depth: usize,
) -> Result<Option<Vec<&'t [u8]>>, Fault> {
    let mut found = None;
    match (steps.split_first(), scan.peek()) {
        (None, Some(b'[')) => {
            let mut items = Vec::new();
            scan.array(depth, |scan, _| {
                items.push(scan.value(depth + 1)?.1);
                Ok(())
            })?;
            found = Some(items);
        }
        (Some((step, rest)), Some(b'{')) => scan.object(depth, |scan, key| {
            if *key == *step.as_bytes() {
                found = items_below(scan, rest, depth + 1)?;
                return Ok(());
            }
            scan.skip(depth + 1)
        })?,
        _ => scan.skip(depth)?,
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
