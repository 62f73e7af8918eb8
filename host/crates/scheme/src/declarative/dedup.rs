//! The identity of an event, by which a duplicate is recognised: its id, some fields, or its bytes.

use sha2::{Digest as _, Sha256};

use super::check::Mistakes;
use super::field::{Field, FieldInputs, Part};
use super::signed::SignedPart;
use super::template::{BodyWithout, Dedup, DedupBy};
use crate::rejection::Rejection;
use tollgate_base::event::DedupBasis;
use tollgate_base::json::{self, PointerSet};

/// The values that make the identity of an event.
#[derive(Clone, Debug)]
pub(super) enum DedupRule {
    /// The signed id, which every event must have.
    Id,
    /// The signed id of an event that has an id, else its bytes.
    IdOrBody,
    /// The hash of the bytes, with the type.
    Body,
    /// The hash of the bytes without some values, if the event has the field `if_there`.
    BodyWithout {
        left_out: PointerSet,
        if_there: Option<Field>,
    },
    /// These fields together.
    Fields(Vec<Field>),
}

impl DedupRule {
    /// The rule of a template. `fields` are the fields that the template's `dedup` names. Adds a
    /// mistake if a value of the rule is not signed.
    pub(super) fn new(
        dedup: Option<&Dedup>,
        fields: Vec<Field>,
        id: Option<&Field>,
        signed: &[SignedPart],
        mistakes: &mut Mistakes,
    ) -> Self {
        let id_is_signed = id.is_some_and(|id| is_signed(id, signed));
        match dedup {
            Some(Dedup::By(DedupBy::Id | DedupBy::IdOrBody)) if !id_is_signed => {
                mistakes.add(
                    "dedup",
                    "the id is not among the signed bytes: use \"body\" or a list of signed fields",
                );
                Self::Body
            }
            Some(Dedup::By(DedupBy::Id)) => Self::Id,
            Some(Dedup::By(DedupBy::IdOrBody)) => Self::IdOrBody,
            None if id_is_signed => Self::Id,
            Some(Dedup::Without(without)) => Self::without(without, fields, signed, mistakes),
            Some(Dedup::Fields(selectors)) => {
                if selectors.is_empty() || !fields.iter().all(|field| is_signed(field, signed)) {
                    mistakes.add(
                        "dedup",
                        "name one or more fields, all among the signed bytes",
                    );
                }
                Self::Fields(fields)
            }
            Some(Dedup::By(DedupBy::Body)) | None => Self::Body,
        }
    }

    fn without(
        without: &BodyWithout,
        fields: Vec<Field>,
        signed: &[SignedPart],
        mistakes: &mut Mistakes,
    ) -> Self {
        const KEY: &str = "dedup.body_without";
        let left_out = mistakes.keep(KEY, PointerSet::new(&without.body_without));
        let body_is_signed = signed.contains(&SignedPart::Body);
        if left_out
            .as_ref()
            .is_some_and(|left_out| left_out.is_empty() || !body_is_signed)
        {
            mistakes.add(KEY, "name one or more values of a body that is signed");
        }
        if !fields.iter().all(|field| is_signed(field, signed)) {
            mistakes.add("dedup.if_there", "name a value of the signed body");
        }
        Self::BodyWithout {
            left_out: left_out.unwrap_or_default(),
            if_there: fields.into_iter().next(),
        }
    }

    /// The identity of an event. `id` is the value of `id_field`.
    pub(super) fn basis(
        &self,
        inputs: FieldInputs<'_>,
        id_field: Option<&Field>,
        id: Option<&String>,
        kind: &str,
        payload: &[u8],
    ) -> Result<DedupBasis, Rejection> {
        match (self, id_field, id) {
            (Self::Id | Self::IdOrBody, _, Some(id)) => Ok(DedupBasis::SignedId(id.clone())),
            (Self::Id, Some(field), None) => Err(field.missing("event id")),
            (Self::Fields(fields), ..) => fields
                .iter()
                .map(|field| {
                    let missing = || field.missing("field to tell events apart by");
                    field.text(inputs).ok_or_else(missing)
                })
                .collect::<Result<_, _>>()
                .map(DedupBasis::Fields),
            (Self::BodyWithout { left_out, if_there }, ..)
                if if_there
                    .as_ref()
                    .is_none_or(|field| field.value(inputs).is_some()) =>
            {
                // The body of a form is no JSON, so all of it counts.
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

/// Whether every part of the field is among the signed bytes.
pub(super) fn is_signed(field: &Field, signed: &[SignedPart]) -> bool {
    field.parts().all(|part| match part {
        Part::Literal(_) => true,
        Part::Header(name) => signed.contains(&SignedPart::Header(name.clone())),
        Part::Pointer(_) => signed.contains(&SignedPart::Body),
    })
}
