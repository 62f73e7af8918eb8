//! The identity of an event, by which a duplicate is recognised: its id, some fields, or its bytes.
//!
//! A hash of the bytes is no identity: two facts may have equal bytes. Where nothing signed tells
//! events apart, equal bytes are a duplicate only while the provider resends.

use std::time::Duration;

use super::check::Mistakes;
use super::field::{Field, FieldInputs, Part};
use super::signed::{SignedTexts, Source};
use super::template::{BodyWithout, Dedup, DedupBy};
use crate::encoding::hexadecimal;
use crate::rejection::Rejection;
use crate::settings::DedupChoice;
use crate::verified::{EqualBytes, digest_of};
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
    UnsignedIdAndBody {
        /// Whether the id stands outside the bytes, so that equal bytes may have other ids.
        outside: bool,
    },
    /// The hash of the bytes, with the type.
    Body,
    /// The hash of the bytes without some values, if the event has the field `if_there`.
    BodyWithout {
        left_out: PointerSet,
        if_there: Option<Field>,
    },
    /// These fields together. The hash of the bytes stands in their place if nothing of the request
    /// is signed, or if a field that is not signed is absent.
    Fields(Vec<(Field, Standing)>),
}

/// What a field of several is for the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is signed and must be there.
    Needed,
    /// It is signed and may be absent, since the whole signed text counts too.
    Optional,
    /// It is not signed.
    Unsigned,
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
            Some(Dedup::By(DedupBy::IdAndBody)) => {
                let is_outside = |part: &Part| matches!(part, Part::Header(_) | Part::Query(_));
                Self::UnsignedIdAndBody {
                    outside: id.is_some_and(|id| id.parts().any(is_outside)),
                }
            }
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
                let with_standing = fields.into_iter().map(|field| {
                    let standing = match is_signed(&field, signed) {
                        false => Standing::Unsigned,
                        true if with_text && !is_text(&field) => Standing::Optional,
                        true => Standing::Needed,
                    };
                    (field, standing)
                });
                Self::Fields(with_standing.collect())
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
        match self {
            Self::Id | Self::UnsignedIdAndBody { .. } => false,
            Self::Fields(_) => self.holds_unsigned(),
            _ => true,
        }
    }

    /// Whether fields that are not signed tell events apart beside those that are.
    pub(super) fn holds_unsigned(&self) -> bool {
        let Self::Fields(fields) = self else {
            return false;
        };
        let mut fields = fields.iter();
        fields.any(|(_, standing)| *standing == Standing::Unsigned)
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
        let whole = || body_basis(kind, inputs, inputs.payload);
        let same_fact = |basis| (basis, EqualBytes::SameFact);
        let for_a_time = |basis| (basis, EqualBytes::DuplicateWithin(resends));
        match (self, id_field, id) {
            (Self::Id | Self::IdOrBody, _, Some(id)) => {
                Ok(same_fact(DedupBasis::SignedId(id.clone())))
            }
            (Self::Id, Some(field), None) => Err(field.missing("event id", inputs)),
            (Self::UnsignedIdAndBody { outside }, _, Some(id)) => {
                let marked = with_unsigned_id(id, whole(), resends, choice);
                Ok(match outside {
                    true => marked,
                    false => same_fact(marked.0),
                })
            }
            (Self::Fields(fields), ..) => Ok(match texts(fields, inputs)? {
                Some(texts) => same_fact(DedupBasis::Fields(texts)),
                None => for_a_time(DedupBasis::Body {
                    kind: kind.to_owned(),
                    digest: digest_of([
                        &inputs.coverage.digest(inputs.payload)[..],
                        &inputs.coverage.identity_bytes(inputs.payload),
                    ]),
                }),
            }),
            (Self::BodyWithout { left_out, if_there }, ..) => {
                let told_apart = if_there.as_ref().map(|field| field.is_there(inputs));
                if told_apart == Some(false) {
                    return Ok(for_a_time(whole()));
                }
                // The body of a form is no JSON, so all of it counts.
                let rest = match left_out.is_empty() {
                    true => None,
                    false => json::redact(inputs.payload, left_out).ok(),
                };
                let rest = rest.as_deref().unwrap_or(inputs.payload);
                let basis = body_basis(kind, inputs, rest);
                Ok(match told_apart {
                    Some(_) => same_fact(basis),
                    None => for_a_time(basis),
                })
            }
            _ => Ok(for_a_time(whole())),
        }
    }
}

/// The texts of the fields. `None` if the fields do not tell events apart: nothing of the request
/// is signed, or a field that is not signed is absent.
fn texts(
    fields: &[(Field, Standing)],
    inputs: FieldInputs<'_>,
) -> Result<Option<Vec<String>>, Rejection> {
    let mut told_apart = inputs.signs_a_value;
    let mut texts = Vec::with_capacity(fields.len());
    for (field, standing) in fields {
        let text = field.text(inputs);
        match standing {
            Standing::Needed if text.is_none() => {
                return Err(field.missing("field to tell events apart by", inputs));
            }
            Standing::Unsigned if text.is_none() => told_apart = false,
            _ => {}
        }
        texts.push(text.unwrap_or_default());
    }
    Ok(told_apart.then_some(texts))
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
        fields.extend([kind.clone(), hexadecimal(digest)]);
    }
    let marked = EqualBytes::MarkedWithin {
        bytes,
        within,
        routed: choice == DedupChoice::Id,
    };
    (DedupBasis::Fields(fields), marked)
}

/// The identity of bytes of an event, without differences that the signature leaves open.
fn body_basis(kind: &str, inputs: FieldInputs<'_>, bytes: &[u8]) -> DedupBasis {
    DedupBasis::Body {
        kind: kind.to_owned(),
        digest: digest_of([&*inputs.coverage.identity_bytes(bytes)]),
    }
}

/// Whether every part of the field is among the signed bytes, so that no other text of the part has
/// the same signature.
pub(super) fn is_signed(field: &Field, signed: &SignedTexts) -> bool {
    field.parts().all(|part| match part {
        Part::Literal(_) | Part::Signed => true,
        Part::Header(name) => signed
            .all_hold_exactly(&|source| matches!(source, Source::Header(other) if other == name)),
        Part::Timestamp => signed.all_hold_exactly(&|source| *source == Source::Timestamp),
        Part::Body => signed.hold_body(),
        Part::Pointer(place) => {
            let is_it = |source: &Source| match source {
                Source::Json(other) => other.pointer == place.pointer,
                source => *source == Source::Body,
            };
            signed.all_hold_exactly(&is_it)
        }
        Part::Form(name) => signed.all_hold_exactly(&|source| match source {
            Source::Form(other) => other == name,
            Source::Sorted(pairs) | Source::Values(pairs) => {
                !pairs.in_query && !pairs.without.contains(name)
            }
            source => *source == Source::Body,
        }),
        Part::Query(name) => signed.all_hold_exactly(&|source| match source {
            Source::Query(other) => other == name,
            Source::Sorted(pairs) | Source::Values(pairs) => {
                pairs.in_query && !pairs.without.contains(name)
            }
            source => *source == Source::Target,
        }),
    })
}
