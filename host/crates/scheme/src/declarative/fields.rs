//! Reads events from the body and the headers of a request whose signature holds.

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

/// The fields of an event.
#[derive(Clone, Debug)]
pub(super) struct EventFields {
    /// The form field that holds the JSON, if the body is a form.
    form_json: Option<String>,
    /// The JSON pointer to the items, if the body is a batch.
    items: Option<String>,
    pointers: PointerSet,
    id: Option<Field>,
    kind: Field,
    created: Option<Field>,
    subject: Option<Field>,
    account: Option<Field>,
    dedup: DedupRule,
}

impl EventFields {
    /// The fields of a template, with `prefix` for each `*`. `None`, with a mistake added, if the
    /// type cannot be read.
    pub(super) fn new(
        template: &Template,
        prefix: &str,
        signed: &[SignedPart],
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let mut pointers = PointerSet::default();
        let mut field = |key: &str, selectors: Option<&Selectors>| {
            let selectors = selectors?
                .iter()
                .map(|selector| selector.replace('*', prefix));
            let selectors = Selectors::FirstOf(selectors.collect());
            mistakes.keep(key, Field::new(&selectors, &mut pointers))
        };
        let id = field("id", template.id.as_ref());
        let kind = field("kind", Some(&template.kind));
        let created = field("created", template.created.as_ref());
        let subject = field("subject", template.subject.as_ref());
        let account = field("account", template.account.as_ref());
        let named = match &template.dedup {
            Some(Dedup::Fields(selectors)) => selectors
                .iter()
                .filter_map(|selector| field("dedup", Some(&Selectors::One(selector.clone()))))
                .collect(),
            Some(Dedup::Without(without)) => {
                let selector = without.if_there.clone().map(Selectors::One);
                let found = selector.and_then(|one| field("dedup.if_there", Some(&one)));
                found.into_iter().collect()
            }
            _ => Vec::new(),
        };
        let dedup = DedupRule::new(
            template.dedup.as_ref(),
            named,
            id.as_ref(),
            signed,
            mistakes,
        );
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

    /// The headers from which fields are read.
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

    /// A warning for each field that should be among the signed bytes and is not.
    pub(super) fn warnings(&self, signed: &[SignedPart]) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(id) = self.id.as_ref().filter(|id| !is_signed(id, signed)) {
            warnings.push(format!(
                "the event's id ({}) is not signed: it is recorded, but duplicates are \
                 recognised by signed bytes",
                id.describe()
            ));
        }
        if self.id.is_none() && matches!(self.dedup, DedupRule::Body) {
            warnings.push(
                "events have no id: duplicates are recognised by the body, so an event that is \
                 resent with other bytes counts as a new event"
                    .to_owned(),
            );
        }
        if !is_signed(&self.kind, signed) {
            warnings.push(format!(
                "the event's type ({}) is not signed: an attacker who captures a request can \
                 resend it under another type",
                self.kind.describe()
            ));
        }
        warnings
    }

    /// The events of a request whose signature holds, with the headers of `recorded`.
    pub(super) fn read(
        &self,
        request: &Request<'_>,
        recorded: &HeaderSet,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        let headers = recorded.find(request.headers);
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

    /// The JSON of a request: the body or, if the body is a form, a field of the form.
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
        let dedup = self
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
                    FieldValue::Text(text) => time::created_text(&text),
                    FieldValue::Json(value) => time::created(value),
                }),
            dedup,
            more_dedup: Vec::new(),
            headers: headers.recorded(),
            payload,
        })
    }
}
