//! Why modules are not merged.

use std::convert::Infallible;

use wasm_encoder::reencode;
use wasmparser::BinaryReaderError;

/// Why the core modules of a component are not merged. The component is fine as it is.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The bytes are not WebAssembly.
    #[error("is not WebAssembly: {0}")]
    NotWasm(BinaryReaderError),
    /// The bytes are a core module.
    #[error("is no component")]
    NoComponent,
    /// The component has what the merge does not know.
    #[error("has {0}, which a merge cannot keep as it is")]
    Unknown(&'static str),
    /// An index or a name leads nowhere.
    #[error("refers to {0}, which is missing")]
    Missing(String),
    /// The merged component is not valid: a mistake of this program.
    #[error("is not valid after the merge: {0}")]
    Invalid(BinaryReaderError),
    /// A part cannot be written again.
    #[error("cannot be written again: {0}")]
    Rewrite(String),
}

impl From<BinaryReaderError> for MergeError {
    fn from(error: BinaryReaderError) -> Self {
        Self::NotWasm(error)
    }
}

impl From<reencode::Error<Infallible>> for MergeError {
    fn from(error: reencode::Error<Infallible>) -> Self {
        match error {
            reencode::Error::ParseError(error) => Self::NotWasm(error),
            other => Self::Rewrite(other.to_string()),
        }
    }
}

/// The item of a list, or which item is missing.
pub(super) fn at<T: Copy>(list: &[T], index: u32, what: &str) -> Result<T, MergeError> {
    let item = list.get(index as usize).copied();
    item.ok_or_else(|| MergeError::Missing(format!("{what} {index}")))
}
