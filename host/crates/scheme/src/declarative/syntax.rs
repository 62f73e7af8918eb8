//! The parts of which selectors and signed bytes consist: header names and braces.

use http::HeaderName;

use tollgate_base::json::PointerError;

/// Why a text of a template cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SyntaxError {
    #[error("the list is empty")]
    EmptyList,
    #[error("`{0}` is no header name")]
    HeaderName(String),
    #[error("the braces in `{0}` do not match")]
    Braces(String),
    #[error(
        "`{0}` is neither a JSON pointer (`/id`) nor a header (`header:x-id`) nor a field of the \
         form (`form:id`) nor a parameter of the query (`query:id`) nor a text in quotes \
         (`'event'`)"
    )]
    Selector(String),
    #[error(transparent)]
    Pointer(#[from] PointerError),
    #[error("`{{{name}}}` is unknown: did you mean {{{meant}}}?")]
    Misspelled { name: String, meant: &'static str },
    #[error(
        "`{{{0}}}` is unknown; there are {{body}}, {{timestamp}}, {{url}}, {{secret}}, {{header:NAME}}, \
         {{json:/POINTER}}, {{form:NAME}}, {{query:NAME}}, {{param:NAME}} and others"
    )]
    Placeholder(String),
    #[error(
        "`|{0}` is unknown; there are `|lower`, `|upper`, `|minify`, `|json`, `|decimals:2`, \
         `|decimals:/currency`, `|md5`, `|sha1`, `|sha256`, `|sha384` and `|sha512`"
    )]
    Filter(String),
    #[error("`parts` has no `{0}`")]
    NoPart(String),
    #[error("the part `{0}` holds itself")]
    PartInItself(String),
    #[error(
        "`{0}` is neither a JSON pointer (`/signature`) nor a header (`header:x-signature`) nor a \
         field of the form (`form:sign`) nor a parameter of the query (`query:sign`)"
    )]
    Place(String),
}

/// The name of a header.
pub(super) fn header_name(name: &str) -> Result<HeaderName, SyntaxError> {
    HeaderName::try_from(name).map_err(|_| SyntaxError::HeaderName(name.to_owned()))
}

/// A part of a text with braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BracePart<'t> {
    /// The text outside braces.
    Outside(&'t str),
    /// The text inside a pair of braces.
    Inside(&'t str),
}

/// Splits `a{b}c` into its parts.
pub(super) fn split_braces(text: &str) -> Result<Vec<BracePart<'_>>, SyntaxError> {
    let unbalanced = || SyntaxError::Braces(text.to_owned());
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, tail) = after.split_once('}').ok_or_else(unbalanced)?;
        if before.contains('}') || inside.contains('{') {
            return Err(unbalanced());
        }
        if !before.is_empty() {
            parts.push(BracePart::Outside(before));
        }
        parts.push(BracePart::Inside(inside));
        rest = tail;
    }
    if rest.contains('}') {
        return Err(unbalanced());
    }
    if !rest.is_empty() {
        parts.push(BracePart::Outside(rest));
    }
    Ok(parts)
}
