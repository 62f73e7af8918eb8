//! Reads events out of the body and headers of a request whose signature holds.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderName;

use super::check::Mistakes;
use super::dedup::{DedupRule, is_signed};
use super::field::{Field, FieldInputs, FieldValue, Selectors};
use super::signed::SignedPart;
use super::template::{Dedup, Template};
use crate::form;
use crate::headers::{FoundHeaders, HeaderSet};
use crate::rejection::Rejection;
use crate::request::Request;
use crate::time;
use crate::verified::ProviderEvent;
use tollgate_base::json::{self, PointerSet};

/// Where the parts of an event stand.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    /// Where the body is a form: the field that holds the JSON.
    form_json: Option<String>,
    /// In a batch: where its items stand.
    items: Option<String>,
    pointers: PointerSet,
    id: Option<Field>,
    kind: Field,
    created: Option<Field>,
    subject: Option<Field>,
    account: Option<Field>,
    dedup: DedupRule,
}

impl Fields {
    /// Prepares the places; `None`, with a note of why, if there is no type to be had.
    pub(super) fn new(
        template: &Template,
        family: &str,
        signed: &[SignedPart],
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let mut pointers = PointerSet::default();
        let mut field = |key: &str, selectors: Option<&Selectors>| {
            let of_family = selectors?.iter().map(|one| one.replace('*', family));
            let selectors = Selectors::FirstOf(of_family.collect());
            mistakes.keep(key, Field::new(&selectors, &mut pointers))
        };
        let id = field("id", template.id.as_ref());
        let kind = field("kind", Some(&template.kind));
        let created = field("created", template.created.as_ref());
        let subject = field("subject", template.subject.as_ref());
        let account = field("account", template.account.as_ref());
        let by = match &template.dedup {
            Some(Dedup::Fields(selectors)) => selectors
                .iter()
                .filter_map(|one| field("dedup", Some(&Selectors::One(one.clone()))))
                .collect(),
            Some(Dedup::Without(without)) => {
                let given = without.if_there.clone().map(Selectors::One);
                given
                    .and_then(|given| field("dedup.if_there", Some(&given)))
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        };
        let dedup = DedupRule::new(template.dedup.as_ref(), by, id.as_ref(), signed, mistakes);
        Some(Self {
            form_json: template.form_json.clone(),
            items: template.events.clone(),
            pointers,
            id,
            kind: kind?,
            created,
            subject,
            account,
            dedup,
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

    /// What an operator should know about fields that are not among the signed bytes.
    pub(super) fn warnings(&self, signed: &[SignedPart]) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(id) = self.id.as_ref().filter(|id| !is_signed(id, signed)) {
            warnings.push(format!(
                "the event's id ({}) is not signed: it is recorded, but duplicates are told by \
                 signed bytes",
                id.describe()
            ));
        }
        if self.id.is_none() && matches!(self.dedup, DedupRule::Body) {
            warnings.push(
                "events have no id: duplicates are told by the body, so that an event which \
                 is sent again with other bytes is taken for a new one"
                    .to_owned(),
            );
        }
        if !is_signed(&self.kind, signed) {
            warnings.push(format!(
                "the event's type ({}) is not signed: whoever captures a request can send it \
                 again under another type",
                self.kind.describe()
            ));
        }
        warnings
    }

    /// The events of a request whose signature holds; `record` are the headers to keep.
    pub(super) fn read(
        &self,
        request: &Request<'_>,
        record: &HeaderSet,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        let headers = record.find(request.headers);
        let Some(pointer) = &self.items else {
            let text = self.json_text(request)?;
            let payload = request.body.clone();
            return Ok(vec![self.event(&headers, &text, payload)?]);
        };
        let items = json::items(request.body, pointer)?.into_iter();
        items
            .enumerate()
            .map(|(at, item)| {
                let payload = request.body.slice_ref(item);
                let event = self.event(&headers, item, payload);
                event.map_err(|rejection| rejection.of_item(at))
            })
            .collect()
    }

    /// The JSON of a request: its body or, where this is a form, the form's field.
    fn json_text<'r>(&self, request: &Request<'r>) -> Result<Cow<'r, [u8]>, Rejection> {
        match &self.form_json {
            Some(field) if form::is_form(request.headers) => form::single(request.body, field)
                .ok_or_else(|| Rejection::MalformedBody {
                    why: format!("the form does not have the field `{field}` once"),
                }),
            _ => Ok(Cow::Borrowed(request.body)),
        }
    }

    fn event(
        &self,
        headers: &FoundHeaders<'_>,
        text: &[u8],
        payload: Bytes,
    ) -> Result<ProviderEvent, Rejection> {
        let found = match self.pointers.is_empty() {
            true => Vec::new(),
            false => json::pluck_borrowed(text, &self.pointers)?,
        };
        let inputs = FieldInputs {
            headers,
            body: &found,
        };
        let missing = || self.kind.missing("event type");
        let kind = self.kind.text(inputs).ok_or_else(missing)?;
        let id = self.id.as_ref();
        let provider_id = id.and_then(|id| id.string(inputs));
        let basis = self
            .dedup
            .basis(inputs, id, provider_id.as_ref(), &kind, &payload)?;
        let text_of = |field: &Option<Field>| field.as_ref().and_then(|field| field.text(inputs));
        Ok(ProviderEvent {
            provider_id,
            kind,
            subject: text_of(&self.subject),
            account: text_of(&self.account),
            created: self
                .created
                .as_ref()
                .and_then(|field| field.value(inputs))
                .and_then(|value| match value {
                    FieldValue::Text(text) => time::written(&text),
                    FieldValue::Json(value) => time::created(value),
                }),
            basis,
            also: Vec::new(),
            headers: headers.recorded(),
            payload,
        })
    }
}
