//! The bytes that a signature covers, as a template describes them: `{timestamp}.{body}`.

use http::HeaderName;

use super::syntax::{BracePart, SyntaxError, header_name, split_braces};
use tollgate_base::suggest::nearest;

/// A part of the signed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignedPart {
    /// The text itself.
    Literal(String),
    /// The body of the request.
    Body,
    /// The text of the timestamp.
    Timestamp,
    /// The URL in the settings of the source.
    Url,
    /// The value of a header.
    Header(HeaderName),
}

/// The parts of the signed bytes, in order.
pub(super) fn signed_parts(text: &str) -> Result<Vec<SignedPart>, SyntaxError> {
    let parts = split_braces(text)?.into_iter();
    parts
        .map(|part| match part {
            BracePart::Outside(text) => Ok(SignedPart::Literal(text.to_owned())),
            BracePart::Inside("body") => Ok(SignedPart::Body),
            BracePart::Inside("timestamp") => Ok(SignedPart::Timestamp),
            BracePart::Inside("url") => Ok(SignedPart::Url),
            BracePart::Inside(other) => match other.strip_prefix("header:") {
                Some(name) => header_name(name).map(SignedPart::Header),
                None => Err(unknown(other)),
            },
        })
        .collect()
}

fn unknown(name: &str) -> SyntaxError {
    let name = name.to_owned();
    match nearest(&name, ["body", "timestamp", "url", "header:NAME"]) {
        Some(meant) => SyntaxError::Misspelled { name, meant },
        None => SyntaxError::Placeholder(name),
    }
}
