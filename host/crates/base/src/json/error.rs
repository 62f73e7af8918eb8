//! Why a text or a pointer cannot be used.

/// How deeply objects and arrays may lie within each other: as many levels as serde_json
/// allows, far more than any provider's body has. Bounds the stack.
pub(super) const MAX_DEPTH: usize = 127;

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
    #[error("it nests more than {} levels deep", MAX_DEPTH)]
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

/// Why a scan stops: boxed, so that what goes well is answered in a register.
pub(super) type Fault = Box<NotJson>;

impl From<Fault> for NotJson {
    fn from(fault: Fault) -> Self {
        *fault
    }
}
