//! The names of headers in one family.

use http::HeaderName;

use super::check::Mistakes;
use super::field::header_name;
use super::fields::Fields;
use super::signature::SignatureForm;
use super::signed::{SignedPart, signed_parts};
use super::template::Template;
use crate::headers::{ALWAYS, HeaderSet};

/// Headers with these names hold credentials and are never recorded.
const CREDENTIALS: &[&str] = &["authorization", "cookie", "proxy-authorization"];

/// The names of headers in one family.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) header: HeaderName,
    pub(super) signature: SignatureForm,
    pub(super) timestamp_header: Option<HeaderName>,
    pub(super) signed: Vec<SignedPart>,
    pub(super) fields: Fields,
    pub(super) record: HeaderSet,
}

/// The names of headers with `family` for each `*`.
pub(super) fn names(template: &Template, family: &str, mistakes: &mut Mistakes) -> Option<Names> {
    let mut header =
        |key: &str, name: &str| mistakes.keep(key, header_name(&name.replace('*', family)));
    let signature_header = header("signature.header", &template.signature.header);
    let timestamp_header = template
        .timestamp
        .as_ref()
        .and_then(|form| form.header.as_ref())
        .and_then(|name| header("timestamp.header", name));
    let mut record: Vec<HeaderName> = template
        .record
        .iter()
        .filter_map(|name| header("record", name))
        .collect();
    record.extend(timestamp_header.clone());
    let signed = mistakes
        .keep(
            "signed",
            signed_parts(&template.signed.replace('*', family)),
        )
        .unwrap_or_default();
    let fields = Fields::new(template, family, &signed, mistakes)?;
    let signature_header = signature_header?;
    record.extend(fields.headers());
    if record
        .iter()
        .any(|name| *name == signature_header || CREDENTIALS.contains(&name.as_str()))
    {
        mistakes.add("record", "a signature or credential is never recorded");
    }
    record.extend(ALWAYS.iter().cloned());
    let signature = SignatureForm {
        header: signature_header.to_string(),
        ..template.signature.clone()
    };
    Some(Names {
        header: signature_header,
        signature,
        timestamp_header,
        signed,
        fields,
        record: HeaderSet::new(record),
    })
}
