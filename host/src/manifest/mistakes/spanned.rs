//! A mistake before its line and column are known.

use crate::manifest::text::tree::Span;

/// Whether a mistake may follow from a syntax error elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The value is wrong, independently of the rest of the text.
    Value,
    /// A key is missing or unknown, or a name refers to nothing. After a syntax error such a
    /// mistake is not certain, because a part of the text was not read.
    Context,
}

/// A mistake with its place in bytes.
pub(super) struct SpannedMistake {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) kind: Kind,
}
