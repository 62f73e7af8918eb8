//! What a signature covers of an event's bytes.
//!
//! A signature may leave some changes of the bytes open: white space where minified JSON is signed,
//! the order of fields where sorted fields are. Bytes that differ only so are one event, or a
//! captured request could be sent again as another event.

use std::borrow::Cow;

use super::filter::Filter;
use super::request_values::RequestValues;
use super::signed::{SignedPart, SignedText, SignedValue, Source};
use crate::verified::digest_of;

/// What a valid signature covers.
pub(super) trait Coverage {
    /// The sha256 of the signed bytes, with the bytes of an event in the place of the body.
    fn digest(&self, event: &[u8]) -> [u8; 32];

    /// The bytes of an event, without differences that the signature leaves open.
    fn identity_bytes<'e>(&self, event: &'e [u8]) -> Cow<'e, [u8]>;
}

/// A signed text of a template, with the values of a request.
pub(super) struct FilledText<'r> {
    /// The values of the request.
    pub(super) values: RequestValues<'r>,
    /// The text whose signature holds.
    pub(super) text: &'r SignedText,
}

impl Coverage for FilledText<'_> {
    fn digest(&self, event: &[u8]) -> [u8; 32] {
        let values = RequestValues {
            body: event,
            ..self.values
        };
        let filled = values.fill(self.text, b"").unwrap_or_default();
        digest_of(filled.iter().map(|part| &**part))
    }

    fn identity_bytes<'e>(&self, event: &'e [u8]) -> Cow<'e, [u8]> {
        let Some(value) = body_value(&self.text.parts) else {
            return Cow::Borrowed(event);
        };
        let bytes = match &value.source {
            Source::Body => Cow::Borrowed(event),
            // The event is the form itself.
            _ if event == self.values.form() => match self.values.fields_as_signed(&value.source) {
                Some(fields) => Cow::Owned(fields),
                None => Cow::Borrowed(event),
            },
            _ => Cow::Borrowed(event),
        };
        // Equal bytes have equal hashes, so the identity needs no hash of the template.
        let is_hash = |filter: &&Filter| matches!(filter, Filter::Hash(_));
        let mut before_hash = value.filters.iter().take_while(|filter| !is_hash(filter));
        let changed = before_hash.try_fold(bytes, |bytes, filter| {
            filter.apply(bytes, true, self.values.json)
        });
        changed.unwrap_or(Cow::Borrowed(event))
    }
}

/// The signed value that stands for the whole body: the body itself, or all fields of a form.
fn body_value(parts: &[SignedPart]) -> Option<&SignedValue> {
    parts.iter().find_map(|part| match part {
        SignedPart::Literal(_) => None,
        SignedPart::Group(parts) => body_value(parts),
        SignedPart::Value(value) => match &value.source {
            Source::Body => Some(value),
            Source::Sorted(pairs) | Source::Values(pairs) if !pairs.in_query => Some(value),
            Source::Part(parts) => body_value(parts),
            _ => None,
        },
    })
}

/// Bytes that are signed as they are, below the bytes of a token.
pub(super) struct TokenCoverage<'t> {
    /// The payload of the token.
    pub(super) payload: &'t [u8],
}

impl Coverage for TokenCoverage<'_> {
    fn digest(&self, event: &[u8]) -> [u8; 32] {
        digest_of([self.payload, event])
    }

    fn identity_bytes<'e>(&self, event: &'e [u8]) -> Cow<'e, [u8]> {
        Cow::Borrowed(event)
    }
}
