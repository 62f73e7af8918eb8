//! The headers of one family, such as `svix-*`, and the fields read from them.

use http::HeaderName;

use super::check::Mistakes;
use super::fields::EventFields;
use super::signature::SignatureForm;
use super::signed::{SignedPart, signed_parts};
use super::syntax::header_name;
use super::template::Template;
use crate::headers::{ALWAYS_RECORDED, HeaderSet};

/// Headers with credentials, which are never recorded.
const CREDENTIALS: &[&str] = &["authorization", "cookie", "proxy-authorization"];

/// A template with one family's prefix for each `*`.
#[derive(Clone, Debug)]
pub(super) struct HeaderFamily {
    /// The header with the signature.
    pub(super) signature_header: HeaderName,
    /// How that header is written.
    pub(super) signature: SignatureForm,
    /// The header with the timestamp, if the timestamp has its own header.
    pub(super) timestamp_header: Option<HeaderName>,
    /// The signed bytes.
    pub(super) signed: Vec<SignedPart>,
    /// The fields of an event.
    pub(super) fields: EventFields,
    /// The headers to record.
    pub(super) recorded: HeaderSet,
}

impl HeaderFamily {
    /// The template with `prefix` for each `*`. `None` if mistakes were added.
    pub(super) fn new(template: &Template, prefix: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let mut header =
            |key: &str, name: &str| mistakes.keep(key, header_name(&name.replace('*', prefix)));
        let signature_header = header("signature.header", &template.signature.header);
        let timestamp = template.timestamp.as_ref();
        let timestamp_header = timestamp
            .and_then(|form| form.header.as_ref())
            .and_then(|name| header("timestamp.header", name));
        let recorded = template.record.iter();
        let mut recorded: Vec<HeaderName> =
            recorded.filter_map(|name| header("record", name)).collect();
        recorded.extend(timestamp_header.clone());
        let signed = signed_parts(&template.signed.replace('*', prefix));
        let signed = mistakes.keep("signed", signed).unwrap_or_default();
        let fields = EventFields::new(template, prefix, &signed, mistakes)?;
        let signature_header = signature_header?;
        recorded.extend(fields.headers());
        let is_secret =
            |name: &HeaderName| *name == signature_header || CREDENTIALS.contains(&name.as_str());
        if recorded.iter().any(is_secret) {
            mistakes.add("record", "a signature or credential is never recorded");
        }
        recorded.extend(ALWAYS_RECORDED.iter().cloned());
        Some(Self {
            signature: SignatureForm {
                header: signature_header.to_string(),
                ..template.signature.clone()
            },
            signature_header,
            timestamp_header,
            signed,
            fields,
            recorded: HeaderSet::new(recorded),
        })
    }
}
