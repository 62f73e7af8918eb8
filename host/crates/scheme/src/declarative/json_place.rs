//! JSON pointers of a template.

use super::syntax::SyntaxError;
use tollgate_base::json::PointerSet;

/// A JSON pointer with the index of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonPlace {
    pub(super) pointer: String,
    pub(super) slot: usize,
}

impl JsonPlace {
    pub(super) fn new(pointer: &str, pointers: &mut PointerSet) -> Result<Self, SyntaxError> {
        Ok(Self {
            pointer: pointer.to_owned(),
            slot: pointers.add(pointer)?,
        })
    }
}
