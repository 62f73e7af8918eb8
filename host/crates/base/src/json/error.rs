//! The errors of reading JSON and JSON pointers.

/// The greatest number of nested objects and arrays. serde_json has the same limit, and no real
/// body reaches it. The limit bounds the stack.
pub(super) const MAX_DEPTH: usize = 127;

/// A pointer that is not a JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// The pointer does not begin with a slash.
    #[error("the JSON pointer `{0}` must begin with `/`")]
    NoSlash(String),
    /// A `~` has neither `0` nor `1` after it.
    #[error("the JSON pointer `{0}` has a `~` that is neither `~0` (for `~`) nor `~1` (for `/`)")]
    Escape(String),
}

/// A text that is not JSON, or lacks the wanted array.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    /// The text does not follow the grammar.
    #[error("it is not JSON: {expected} expected at byte {at}")]
    Syntax {
        /// The index of the byte.
        at: usize,
        /// The expected token.
        expected: &'static str,
    },
    /// Too many objects and arrays are nested.
    #[error("it nests more than {} levels deep", MAX_DEPTH)]
    TooDeep,
    /// A wanted value cannot be represented, such as a text that is not Unicode.
    #[error("the value at byte {at} cannot be read")]
    Unreadable {
        /// The index of its first byte.
        at: usize,
    },
    /// There is no array at the pointer.
    #[error("it has no array at `{pointer}`")]
    NoArray {
        /// The pointer.
        pointer: String,
    },
}

/// Why a scan stops. The box makes a successful result fit into a register.
pub(super) type Fault = Box<NotJson>;

impl From<Fault> for NotJson {
    fn from(fault: Fault) -> Self {
        *fault
    }
}
