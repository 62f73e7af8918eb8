//! What the fields of a rightly signed request say.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderName;
use sha2::{Digest, Sha256};

use super::check::Mistakes;
use super::{Dedup, DedupBy, Names, Prepared, SignedPiece, Template};
use crate::event::DedupBasis;
use crate::json::{self, PointerSet};
use crate::scheme::field::{Fact, Facts, Field, Piece, Places};
use crate::scheme::headers::FoundHeaders;
use crate::scheme::{ProviderEvent, Rejection, Request, form, time};

/// Where the parts of an event stand.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pointers: PointerSet,
    id: Option<Field>,
    kind: Field,
    created: Option<Field>,
    subject: Option<Field>,
    account: Option<Field>,
    basis: Basis,
}

/// What tells events apart.
#[derive(Clone, Debug)]
enum Basis {
    Id,
    IdOrBody,
    Body,
    BodyWithout {
        left_out: PointerSet,
        if_there: Option<Field>,
    },
    Fields(Vec<Field>),
}

impl Fields {
    /// Prepares the places; `None`, with a note of why, if there is no type to be had.
    pub(super) fn new(
        template: &Template,
        family: &str,
        signed: &[SignedPiece],
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let mut pointers = PointerSet::default();
        let mut field = |key: &str, places: Option<&Places>| {
            let places = Places::Many(
                places?
                    .iter()
                    .map(|place| place.replace('*', family))
                    .collect(),
            );
            mistakes.keep(key, Field::new(&places, &mut pointers))
        };
        let id = field("id", template.id.as_ref());
        let kind = field("kind", Some(&template.kind));
        let created = field("created", template.created.as_ref());
        let subject = field("subject", template.subject.as_ref());
        let account = field("account", template.account.as_ref());
        let by = match &template.dedup {
            Some(Dedup::Fields(places)) => places
                .iter()
                .filter_map(|place| field("dedup", Some(&Places::One(place.clone()))))
                .collect(),
            Some(Dedup::Without(without)) => {
                let given = without.if_there.clone().map(Places::One);
                given
                    .and_then(|given| field("dedup.if_there", Some(&given)))
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        };
        let id_is_signed = id.as_ref().is_some_and(|id| is_signed(id, signed));
        let basis = basis(template.dedup.as_ref(), by, id_is_signed, signed, mistakes);
        Some(Self {
            pointers,
            id,
            kind: kind?,
            created,
            subject,
            account,
            basis,
        })
    }

    /// The headers that fields are made from.
    pub(super) fn headers(&self) -> Vec<HeaderName> {
        [
            self.id.as_ref(),
            Some(&self.kind),
            self.created.as_ref(),
            self.subject.as_ref(),
            self.account.as_ref(),
        ]
        .into_iter()
        .flatten()
        .flat_map(Field::headers)
        .cloned()
        .collect()
    }

    pub(super) fn warnings(&self, names: &Names) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(id) = self.id.as_ref().filter(|id| !is_signed(id, &names.signed)) {
            warnings.push(format!(
                "the event's id ({}) is not signed: it is recorded, but duplicates are told by \
                 signed bytes",
                id.describe()
            ));
        }
        if self.id.is_none() && matches!(self.basis, Basis::Body) {
            warnings.push(
                "events have no id: duplicates are told by the body, so that an event which \
                 is sent again with other bytes is taken for a new one"
                    .to_owned(),
            );
        }
        if !is_signed(&self.kind, &names.signed) {
            warnings.push(format!(
                "the event's type ({}) is not signed: whoever captures a request can send it \
                 again under another type",
                self.kind.describe()
            ));
        }
        warnings
    }

    /// The events of a request whose signature holds.
    pub(super) fn read(
        &self,
        request: &Request<'_>,
        names: &Names,
        prepared: &Prepared,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        let template = prepared.template();
        let headers = names.record.find(request.headers);
        let Some(pointer) = &template.events else {
            let text = json_text(request, template)?;
            let payload = request.body.clone();
            return Ok(vec![self.event(&headers, &text, payload)?]);
        };
        let items = json::items(request.body, pointer).map_err(malformed)?;
        items
            .into_iter()
            .enumerate()
            .map(|(at, item)| {
                let payload = request.body.slice_ref(item);
                self.event(&headers, item, payload)
                    .map_err(|source| Rejection::Item {
                        item: at,
                        source: Box::new(source),
                    })
            })
            .collect()
    }

    fn event(
        &self,
        headers: &FoundHeaders<'_>,
        text: &[u8],
        payload: Bytes,
    ) -> Result<ProviderEvent, Rejection> {
        let found = match self.pointers.is_empty() {
            true => Vec::new(),
            false => json::pluck_borrowed(text, &self.pointers).map_err(malformed)?,
        };
        let facts = Facts {
            headers,
            found: &found,
        };
        let kind = self
            .kind
            .text(facts)
            .ok_or_else(|| missing(&self.kind, "event type"))?;
        let provider_id = self.id.as_ref().and_then(|id| id.string(facts));
        let basis = self.basis(facts, provider_id.as_ref(), &kind, &payload)?;
        let text_of = |field: &Option<Field>| field.as_ref().and_then(|field| field.text(facts));
        Ok(ProviderEvent {
            provider_id,
            kind,
            subject: text_of(&self.subject),
            account: text_of(&self.account),
            created: self
                .created
                .as_ref()
                .and_then(|field| field.value(facts))
                .and_then(|fact| match fact {
                    Fact::Text(text) => time::written(&text),
                    Fact::Other(value) => time::created(value),
                }),
            basis,
            also: Vec::new(),
            headers: headers.recorded(),
            payload,
        })
    }

    fn basis(
        &self,
        facts: Facts<'_>,
        id: Option<&String>,
        kind: &str,
        payload: &[u8],
    ) -> Result<DedupBasis, Rejection> {
        match (&self.basis, &self.id, id) {
            (Basis::Id | Basis::IdOrBody, _, Some(id)) => Ok(DedupBasis::SignedId(id.clone())),
            (Basis::Id, Some(field), None) => Err(missing(field, "event id")),
            (Basis::Fields(fields), ..) => fields
                .iter()
                .map(|field| {
                    let what = "field to tell events apart by";
                    field.text(facts).ok_or_else(|| missing(field, what))
                })
                .collect::<Result<_, _>>()
                .map(DedupBasis::Fields),
            (Basis::BodyWithout { left_out, if_there }, ..)
                if if_there
                    .as_ref()
                    .is_none_or(|field| field.value(facts).is_some()) =>
            {
                // A form's body is no JSON by itself, and counts whole.
                let rest = json::redact(payload, left_out);
                Ok(body_basis(kind, rest.as_deref().unwrap_or(payload)))
            }
            _ => Ok(body_basis(kind, payload)),
        }
    }
}

fn body_basis(kind: &str, body: &[u8]) -> DedupBasis {
    DedupBasis::Body {
        kind: kind.to_owned(),
        digest: Sha256::digest(body).into(),
    }
}

/// Whether everything that the field may be made from is among the signed bytes.
fn is_signed(field: &Field, signed: &[SignedPiece]) -> bool {
    field.pieces().all(|piece| match piece {
        Piece::Text(_) => true,
        Piece::Header(name) => signed.contains(&SignedPiece::Header(name.clone())),
        Piece::Pointer { .. } => signed.contains(&SignedPiece::Body),
    })
}

fn basis(
    dedup: Option<&Dedup>,
    fields: Vec<Field>,
    id_is_signed: bool,
    signed: &[SignedPiece],
    mistakes: &mut Mistakes,
) -> Basis {
    match dedup {
        Some(Dedup::By(DedupBy::Id | DedupBy::IdOrBody)) if !id_is_signed => {
            mistakes.add(
                "dedup",
                "the id is not among the signed bytes: use \"body\" or a list of signed fields",
            );
            Basis::Body
        }
        Some(Dedup::By(DedupBy::Id)) => Basis::Id,
        Some(Dedup::By(DedupBy::IdOrBody)) => Basis::IdOrBody,
        None if id_is_signed => Basis::Id,
        Some(Dedup::Without(without)) => {
            let left_out = match PointerSet::new(&without.body_without) {
                Err(error) => Err(error.to_string()),
                Ok(left_out) if left_out.is_empty() || !signed.contains(&SignedPiece::Body) => {
                    Err("name one or more values of a body that is signed".to_owned())
                }
                Ok(left_out) => Ok(left_out),
            };
            let left_out = mistakes
                .keep("dedup.body_without", left_out)
                .unwrap_or_default();
            if !fields.iter().all(|field| is_signed(field, signed)) {
                mistakes.add("dedup.if_there", "name a value of the signed body");
            }
            Basis::BodyWithout {
                left_out,
                if_there: fields.into_iter().next(),
            }
        }
        Some(Dedup::Fields(places)) => {
            if places.is_empty() || !fields.iter().all(|field| is_signed(field, signed)) {
                mistakes.add(
                    "dedup",
                    "name one or more fields, all among the signed bytes",
                );
            }
            Basis::Fields(fields)
        }
        Some(Dedup::By(DedupBy::Body)) | None => Basis::Body,
    }
}

fn missing(field: &Field, what: &'static str) -> Rejection {
    Rejection::MissingField {
        what,
        place: field.describe().to_owned(),
    }
}

fn malformed(error: json::NotJson) -> Rejection {
    Rejection::MalformedBody {
        why: error.to_string(),
    }
}

/// The JSON of a request: its body or, where this is a form, the form's field.
fn json_text<'r>(request: &Request<'r>, template: &Template) -> Result<Cow<'r, [u8]>, Rejection> {
    match &template.form_json {
        Some(field) if form::is_form(request.headers) => form::single(request.body, field)
            .ok_or_else(|| Rejection::MalformedBody {
                why: format!("the form does not have the field `{field}` once"),
            }),
        _ => Ok(Cow::Borrowed(request.body)),
    }
}
