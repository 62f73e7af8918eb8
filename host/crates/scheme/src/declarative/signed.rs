//! The bytes that are signed, as a template says them: text with `{body}` and the like in it.

use http::HeaderName;

use super::field::{header_name, split_braces};
use tollgate_base::suggest::nearest;

/// A part of the signed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignedPart {
    Literal(String),
    Body,
    Timestamp,
    Url,
    Header(HeaderName),
}

pub(super) fn signed_parts(text: &str) -> Result<Vec<SignedPart>, String> {
    let parts: Vec<SignedPart> = split_braces(text)?
        .into_iter()
        .map(|(inside, text)| match (inside, text) {
            (false, text) => Ok(SignedPart::Literal(text.to_owned())),
            (true, "body") => Ok(SignedPart::Body),
            (true, "timestamp") => Ok(SignedPart::Timestamp),
            (true, "url") => Ok(SignedPart::Url),
            (true, other) => match other.strip_prefix("header:") {
                Some(name) => header_name(name).map(SignedPart::Header),
                None => Err(unknown_part(other)),
            },
        })
        .collect::<Result<_, _>>()?;
    Ok(parts)
}

fn unknown_part(name: &str) -> String {
    match nearest(name, ["body", "timestamp", "url", "header:NAME"]) {
        Some(meant) => format!("`{{{name}}}` is unknown: did you mean {{{meant}}}?"),
        None => format!(
            "`{{{name}}}` is unknown; there are {{body}}, {{timestamp}}, {{url}} and {{header:NAME}}"
        ),
    }
}
