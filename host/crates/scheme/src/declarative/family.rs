//! One signature of a template with the headers of one family, such as `svix-*`, and the fields
//! read from them.

use http::{HeaderMap, HeaderName};

use super::check::Mistakes;
use super::fields::EventFields;
use super::request_values::{RequestValues, place};
use super::signature::{SignatureForm, SignatureNames, Signatures};
use super::signed::{SignedReader, SignedTexts, Source};
use super::syntax::header_name;
use super::template::{SignedForms, Template};
use crate::headers::{ALWAYS_RECORDED, HeaderSet};
use crate::rejection::Rejection;
use tollgate_base::json::PointerSet;

/// Headers with credentials, which are never recorded.
const CREDENTIALS: &[&str] = &["authorization", "cookie", "proxy-authorization"];

/// A signature of a template with one family's prefix for each `*`.
#[derive(Clone, Debug)]
pub(super) struct HeaderFamily {
    /// The index of the signature in the template: 0 for `signature`.
    pub(super) number: usize,
    /// The place of the signature.
    pub(super) place: Source,
    /// How the text there is written.
    pub(super) signature: SignatureForm,
    /// The place of the timestamp, if the timestamp stands outside the signature's text.
    pub(super) timestamp: Option<Source>,
    /// The signed bytes.
    pub(super) signed: SignedTexts,
    /// The fields of an event.
    pub(super) fields: EventFields,
    /// The headers to record.
    pub(super) recorded: HeaderSet,
}

/// A signature of a template: its number, its place, and what is signed.
#[derive(Clone, Copy)]
pub(super) struct Signature<'t> {
    pub(super) number: usize,
    pub(super) form: &'t SignatureForm,
    pub(super) signed: &'t SignedForms,
    /// The values that no two events share.
    pub(super) once: &'t [String],
}

impl HeaderFamily {
    /// The signature with `prefix` for each `*`. `None` if mistakes were added.
    pub(super) fn new(
        template: &Template,
        of: Signature<'_>,
        prefix: &str,
        pointers: &mut PointerSet,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let mut header =
            |key: &str, name: &str| mistakes.keep(key, header_name(&name.replace('*', prefix)));
        let recorded = template.record.iter();
        let mut recorded: Vec<HeaderName> =
            recorded.filter_map(|name| header("record", name)).collect();
        let place = match &of.form.at {
            Some(at) => mistakes.keep("signature.at", place(at, prefix, pointers)),
            // The absence of both is another mistake.
            None if of.form.header.is_empty() => None,
            None => header("signature.header", &of.form.header).map(Source::Header),
        };
        let timestamp = timestamp_place(template, prefix, pointers, mistakes);
        if let Some(Source::Header(name)) = &timestamp {
            recorded.push(name.clone());
        }
        let signed = signed(template, of.signed, prefix, pointers, mistakes);
        let fields = EventFields::new(template, prefix, (&signed, of.once), mistakes)?;
        let place = place?;
        recorded.extend(fields.headers());
        let is_secret = |name: &HeaderName| {
            Source::Header(name.clone()) == place || CREDENTIALS.contains(&name.as_str())
        };
        if recorded.iter().any(is_secret) {
            mistakes.add("record", "a signature or credential is never recorded");
        }
        recorded.extend(ALWAYS_RECORDED.iter().cloned());
        let header = match &place {
            Source::Header(name) => name.to_string(),
            _ => String::new(),
        };
        Some(Self {
            number: of.number,
            signature: SignatureForm {
                header,
                ..of.form.clone()
            },
            place,
            timestamp,
            signed,
            fields,
            recorded: HeaderSet::new(recorded),
        })
    }

    /// Whether the request has this signature.
    pub(super) fn is_in(&self, values: &RequestValues<'_>) -> bool {
        match &self.place {
            Source::Header(name) => values.request.headers.contains_key(name),
            // A field that comes twice is there too; it is refused later.
            place => !matches!(values.one(place), Ok(None)),
        }
    }

    /// Whether the request has the header of this signature.
    pub(super) fn is_in_headers(&self, headers: &HeaderMap) -> bool {
        matches!(&self.place, Source::Header(name) if headers.contains_key(name))
    }

    /// The signatures of a request. `text` is what [`HeaderFamily::text`] returned.
    pub(super) fn read<'r>(
        &self,
        values: &RequestValues<'r>,
        text: Option<&'r str>,
        names: &SignatureNames<'_>,
    ) -> Result<Signatures<'r>, Rejection> {
        match (&self.place, text) {
            (Source::Header(name), _) => self.signature.read(values.request.headers, name, names),
            (_, Some(text)) => self.signature.read_text(text, names),
            (place, None) => Err(Rejection::MissingField {
                what: "signature",
                place: super::request_values::describe(place),
            }),
        }
    }

    /// The name of the field that holds the signature.
    pub(super) fn own_field(&self) -> Option<&String> {
        match &self.place {
            Source::Form(name) | Source::Query(name) => Some(name),
            _ => None,
        }
    }
}

fn timestamp_place(
    template: &Template,
    prefix: &str,
    pointers: &mut PointerSet,
    mistakes: &mut Mistakes,
) -> Option<Source> {
    let form = template.timestamp.as_ref()?;
    if let Some(name) = &form.header {
        let name = header_name(&name.replace('*', prefix));
        return mistakes.keep("timestamp.header", name).map(Source::Header);
    }
    let at = form.at.as_ref()?;
    mistakes.keep("timestamp.at", place(at, prefix, pointers))
}

fn signed(
    template: &Template,
    forms: &SignedForms,
    prefix: &str,
    pointers: &mut PointerSet,
    mistakes: &mut Mistakes,
) -> SignedTexts {
    let mut reader = SignedReader {
        prefix,
        named: &template.parts,
        pointers,
    };
    let texts = forms.0.iter().map(|text| reader.read(text));
    let texts: Result<Vec<_>, _> = texts.collect();
    SignedTexts(mistakes.keep("signed", texts).unwrap_or_default())
}
