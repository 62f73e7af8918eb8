//! JSON pointers (RFC 6901) that are looked up together.

use super::error::PointerError;

/// JSON pointers that are looked up together.
#[derive(Clone, Debug, Default)]
pub struct PointerSet {
    pub(super) root: Node,
    slots: usize,
}

/// A node in the tree of pointers.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// The index of the value, if a pointer ends here.
    pub(super) slot: Option<usize>,
    /// The nodes below, by their unescaped steps.
    pub(super) children: Vec<(String, Node)>,
    /// A bit for each length of a step (63 for all longer steps). Most keys need no comparison.
    lengths: u64,
}

impl PointerSet {
    /// A set of pointers. Values come in the same order. If a pointer comes twice, use
    /// [`PointerSet::add`], which returns the index.
    pub fn new<S: AsRef<str>>(pointers: &[S]) -> Result<Self, PointerError> {
        let mut set = Self::default();
        for pointer in pointers {
            set.add(pointer.as_ref())?;
        }
        Ok(set)
    }

    /// Adds a pointer. Returns the index of its value in the result of [`pluck`](super::pluck()).
    /// The same pointer has the same index.
    pub fn add(&mut self, pointer: &str) -> Result<usize, PointerError> {
        let steps = steps(pointer)?;
        let node = steps.into_iter().fold(&mut self.root, Node::child);
        let slot = *node.slot.get_or_insert(self.slots);
        self.slots = self.slots.max(slot + 1);
        Ok(slot)
    }

    /// The number of values in the result of [`pluck`](super::pluck()).
    pub fn len(&self) -> usize {
        self.slots
    }

    /// Whether the set has no pointer.
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

    /// The child with this key.
    pub(super) fn named(&self, key: &[u8]) -> Option<&Self> {
        if self.lengths & length_bit(key.len()) == 0 {
            return None;
        }
        self.children
            .iter()
            .find_map(|(name, node)| (name.as_bytes() == key).then_some(node))
    }

    /// The child for the item of an array with this index.
    pub(super) fn item(&self, at: usize) -> Option<&Self> {
        self.children
            .iter()
            .find_map(|(step, node)| (index(step) == Some(at)).then_some(node))
    }
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// The unescaped steps of a pointer.
pub(super) fn steps(pointer: &str) -> Result<Vec<String>, PointerError> {
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

/// The array index in a step: decimal digits without a leading zero.
pub(super) fn index(step: &str) -> Option<usize> {
    let digits = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (step == "0" || !step.starts_with('0')) {
        step.parse().ok()
    } else {
        None
    }
}
