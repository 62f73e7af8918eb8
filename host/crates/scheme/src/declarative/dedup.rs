//! The identity of an event, by which a duplicate is recognised: its id, some fields, or its bytes.
//!
//! A hash of the bytes is no identity: two facts may have equal bytes. Where nothing signed tells
//! events apart, equal bytes are a duplicate only while the provider resends.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::check::Mistakes;
use super::field::{Field, FieldInputs, Part};
use super::signed::{SignedTexts, Source};
use super::template::{BodyWithout, Dedup, DedupBy};
use crate::rejection::Rejection;
use crate::settings::DedupChoice;
use crate::verified::EqualBytes;
use tollgate_base::event::DedupBasis;
use tollgate_base::json::{self, PointerSet};

/// The values that make the identity of an event.
#[derive(Clone, Debug)]
pub(super) enum DedupRule {
    /// The signed id, which every event must have.
    Id,
    /// The signed id of an event that has an id, else its bytes.
    IdOrBody,
    /// The id, which is not signed, with the hash of the bytes and the type. Without an id, the
    /// hash alone.
    UnsignedIdAndBody,
    /// The hash of the bytes, with the type.
    Body,
    /// The hash of the bytes without some values, if the event has the field `if_there`.
    BodyWithout {
        left_out: PointerSet,
        if_there: Option<Field>,
    },
    /// These fields together, each with whether it must be there. A field that is not signed may be
    /// absent.
    Fields(Vec<(Field, bool)>),
}

/// The identity of an event, and what equal bytes mean for the event.
pub(super) type Identity = (DedupBasis, EqualBytes);

impl DedupRule {
    /// The rule of a template. `fields` are the fields that the template's `dedup` names. Adds a
    /// mistake if a value of the rule is not signed.
    pub(super) fn new(
        dedup: Option<&Dedup>,
        fields: Vec<Field>,
        id: Option<&Field>,
        signed: &SignedTexts,
        mistakes: &mut Mistakes,
    ) -> Self {
        let id_is_signed = id.is_some_and(|id| is_signed(id, signed));
        match dedup {
            Some(Dedup::By(DedupBy::Id | DedupBy::IdOrBody)) if !id_is_signed => {
                mistakes.add(
                    "dedup",
                    "the id is not among the signed bytes: use \"id-and-body\", \"body\" or a list of \
                     signed fields",
                );
                Self::Body
            }
            Some(Dedup::By(DedupBy::IdAndBody)) if id.is_none() || id_is_signed => {
                let message = "it is for an `id` that is not signed: leave `dedup` out";
                mistakes.add("dedup", message);
                Self::Body
            }
            Some(Dedup::By(DedupBy::IdAndBody)) => Self::UnsignedIdAndBody,
            Some(Dedup::By(DedupBy::Id)) => Self::Id,
            Some(Dedup::By(DedupBy::IdOrBody)) => Self::IdOrBody,
            None if id_is_signed => Self::Id,
            Some(Dedup::Without(without)) => Self::without(without, fields, signed, mistakes),
            Some(Dedup::Fields(_)) => {
                let all = fields.iter().all(|field| is_signed(field, signed));
                let any = fields.iter().any(|field| is_signed(field, signed));
                // Where only parts of the body are signed, other parts may tell events apart beside
                // them.
                if !any || !all && signed.hold_body() {
                    mistakes.add(
                        "dedup",
                        "name one or more fields, all among the signed bytes",
                    );
                }
                // Beside the whole signed text nothing must be there.
                let is_text = |field: &Field| field.parts().any(|part| *part == Part::Signed);
                let with_text = fields.iter().any(is_text);
                let with_signed = fields.into_iter().map(|field| {
                    let needed = is_signed(&field, signed) && (!with_text || is_text(&field));
                    (field, needed)
                });
                Self::Fields(with_signed.collect())
            }
            Some(Dedup::By(DedupBy::Body)) | None => Self::Body,
        }
    }

    fn without(
        without: &BodyWithout,
        fields: Vec<Field>,
        signed: &SignedTexts,
        mistakes: &mut Mistakes,
    ) -> Self {
        const KEY: &str = "dedup.body_without";
        let left_out = mistakes.keep(KEY, PointerSet::new(&without.body_without));
        let body_is_signed = signed.hold_body() || signed.hold_parts_of_body();
        let names_none = |left_out: &PointerSet| left_out.is_empty() && fields.is_empty();
        if left_out
            .as_ref()
            .is_some_and(|left_out| names_none(left_out) || !body_is_signed)
        {
            mistakes.add(KEY, "name one or more values of a body that is signed");
        }
        let in_body = |field: &Field| {
            let parts = || field.parts();
            let is_pointer = |part: &Part| matches!(part, Part::Pointer(_) | Part::Form(_));
            signed.hold_parts_of_body() && parts().all(is_pointer) || is_signed(field, signed)
        };
        if !fields.iter().all(in_body) {
            mistakes.add("dedup.if_there", "name a value of the signed body");
        }
        Self::BodyWithout {
            left_out: left_out.unwrap_or_default(),
            if_there: fields.into_iter().next(),
        }
    }

    /// The fields of the rule.
    pub(super) fn fields(&self) -> Vec<&Field> {
        match self {
            Self::Fields(fields) => fields.iter().map(|(field, _)| field).collect(),
            Self::BodyWithout { if_there, .. } => if_there.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether events are told apart by a hash alone, at least events without some value.
    pub(super) fn is_hash(&self) -> bool {
        !matches!(self, Self::Id | Self::UnsignedIdAndBody | Self::Fields(_))
    }

    /// The identity of an event. `id` is the value of `id_field`. The provider resends an event for
    /// the time `resends`.
    pub(super) fn identity(
        &self,
        inputs: FieldInputs<'_>,
        id_field: Option<&Field>,
        id: Option<&String>,
        kind: &str,
        (resends, choice): (Duration, DedupChoice),
    ) -> Result<Identity, Rejection> {
        let payload = inputs.payload;
        let same_fact = |basis| (basis, EqualBytes::SameFact);
        let for_a_time = |basis| (basis, EqualBytes::DuplicateWithin(resends));
        match (self, id_field, id) {
            (Self::Id | Self::IdOrBody, _, Some(id)) => {
                Ok(same_fact(DedupBasis::SignedId(id.clone())))
            }
            (Self::Id, Some(field), None) => Err(field.missing("event id", inputs)),
            (Self::UnsignedIdAndBody, _, Some(id)) => Ok(with_unsigned_id(
                id,
                body_basis(kind, payload),
                resends,
                choice,
            )),
            (Self::Fields(fields), ..) => fields
                .iter()
                .map(|(field, is_needed)| {
                    let missing = || field.missing("field to tell events apart by", inputs);
                    match field.text(inputs) {
                        None if !is_needed => Ok(String::new()),
                        found => found.ok_or_else(missing),
                    }
                })
                .collect::<Result<_, _>>()
                .map(|fields| same_fact(DedupBasis::Fields(fields))),
            (Self::BodyWithout { left_out, if_there }, ..) => {
                let told_apart = if_there.as_ref().map(|field| field.is_there(inputs));
                if told_apart == Some(false) {
                    return Ok(for_a_time(body_basis(kind, payload)));
                }
                // The body of a form is no JSON, so all of it counts.
                let rest = match left_out.is_empty() {
                    true => None,
                    false => json::redact(payload, left_out).ok(),
                };
                let basis = body_basis(kind, rest.as_deref().unwrap_or(payload));
                Ok(match told_apart {
                    Some(_) => same_fact(basis),
                    None => for_a_time(basis),
                })
            }
            _ => Ok(for_a_time(body_basis(kind, payload))),
        }
    }
}

/// The identity of an event with an id that is not signed. Nobody can take the place of another
/// event by its id, since the bytes count too.
pub(crate) fn with_unsigned_id(
    id: &str,
    bytes: DedupBasis,
    within: Duration,
    choice: DedupChoice,
) -> Identity {
    let mut fields = vec!["unsigned id".to_owned(), id.to_owned()];
    if let DedupBasis::Body { kind, digest } = &bytes {
        fields.extend([kind.clone(), hex::encode(digest)]);
    }
    let marked = EqualBytes::MarkedWithin {
        bytes,
        within,
        routed: choice == DedupChoice::Id,
    };
    (DedupBasis::Fields(fields), marked)
}

fn body_basis(kind: &str, body: &[u8]) -> DedupBasis {
    DedupBasis::Body {
        kind: kind.to_owned(),
        digest: Sha256::digest(body).into(),
    }
}

/// Whether every part of the field is among the signed bytes.
pub(super) fn is_signed(field: &Field, signed: &SignedTexts) -> bool {
    field.parts().all(|part| match part {
        Part::Literal(_) | Part::Signed => true,
        Part::Header(name) => {
            signed.all_hold(&|source| matches!(source, Source::Header(other) if other == name))
        }
        Part::Timestamp => signed.all_hold(&|source| *source == Source::Timestamp),
        Part::Body => signed.hold_body(),
        Part::Pointer(place) => {
            let is_it = |source: &Source| match source {
                Source::Json(other) => other.pointer == place.pointer,
                source => *source == Source::Body,
            };
            signed.all_hold(&is_it)
        }
        Part::Form(name) => signed.all_hold(&|source| match source {
            Source::Form(other) => other == name,
            Source::Sorted(pairs) | Source::Values(pairs) => {
                !pairs.in_query && !pairs.without.contains(name)
            }
            source => *source == Source::Body,
        }),
        Part::Query(name) => signed.all_hold(&|source| match source {
            Source::Query(other) => other == name,
            Source::Sorted(pairs) | Source::Values(pairs) => {
                pairs.in_query && !pairs.without.contains(name)
            }
            source => *source == Source::Target,
        }),
    })
}
