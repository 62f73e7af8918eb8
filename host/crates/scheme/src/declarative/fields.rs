//! Reads events from the body and the headers of a request whose signature holds.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;

use super::check::Mistakes;
use super::coverage::Coverage;
use super::dedup::{DedupRule, is_signed};
use super::field::{Field, FieldInputs, Selectors};
use super::mode::Mode;
use super::request_values::{form_of, query};
use super::signed::SignedTexts;
use super::template::{Dedup, Template};
use crate::form;
use crate::headers::{FoundHeaders, HeaderSet};
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::DedupChoice;
use crate::time;
use crate::verified::ProviderEvent;
use tollgate_base::event::DedupBasis;
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
    /// Values that no two events share.
    once: Vec<Field>,
    mode: Option<Mode>,
}

impl EventFields {
    /// The fields of a template, with `prefix` for each `*`, for a signature over `signed` whose
    /// values `once` no two events share. `None`, with a mistake added, if the type cannot be read.
    pub(super) fn new(
        template: &Template,
        prefix: &str,
        (signed, once): (&SignedTexts, &[String]),
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
        let mode_at = template.livemode.as_ref().map(|form| &form.at);
        let mode_at = field("livemode.at", mode_at);
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
                let found = field("dedup.if_there", without.if_there.as_ref());
                found.into_iter().collect()
            }
            _ => Vec::new(),
        };
        let once: Vec<Field> = once
            .iter()
            .filter_map(|selector| field("once", Some(&Selectors::One(selector.clone()))))
            .collect();
        if !once.iter().all(|field| is_signed(field, signed)) {
            mistakes.add("once", "name values among the signed bytes");
        }
        let mode = template.livemode.as_ref().zip(mode_at);
        let mode = mode.map(|(form, at)| Mode::new(form, at));
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
            once,
            mode,
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
            self.mode.as_ref().map(Mode::field),
        ]
        .into_iter()
        .flatten()
        .chain(self.dedup.fields())
        .chain(&self.once)
        .flat_map(Field::headers)
        .cloned()
        .collect()
    }

    /// A warning for each field that should be among the signed bytes and is not.
    pub(super) fn warnings(&self, signed: &SignedTexts) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(id) = self.id.as_ref().filter(|id| !is_signed(id, signed)) {
            warnings.push(format!(
                "the event's id ({}) is not signed: {}",
                id.describe(),
                match self.dedup {
                    DedupRule::UnsignedIdAndBody { outside: true } =>
                        "an attacker who captures a request can resend it under another id; while \
                         the provider resends, such an event is marked with `same_bytes_as`",
                    DedupRule::UnsignedIdAndBody { outside: false } =>
                        "an attacker who captures a request can change what is not signed and \
                         resend it as another event, which nothing marks",
                    _ if self.dedup.holds_unsigned() =>
                        "it tells events apart beside the signed values, so an attacker who \
                         captures a request can resend it under another id as another event",
                    _ => "it is recorded, but duplicates are recognised by signed bytes",
                }
            ));
        }
        if self.id.is_none() && matches!(self.dedup, DedupRule::Body) {
            warnings.push(
                "events have no id: duplicates are recognised by the body while the provider \
                 resends, so an event that is resent with other bytes counts as a new event"
                    .to_owned(),
            );
        }
        if signed.hold_parts_of_body() && !signed.hold_all_fields() {
            warnings.push(
                "the body is signed in parts: an attacker who captures a request can change the \
                 rest; believe nothing else without asking the provider"
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

    /// Whether events are told apart by a hash alone, at least events without some value.
    pub(super) fn told_by_hash(&self) -> bool {
        self.dedup.is_hash()
    }

    /// Whether the id is unsigned and outside the event's bytes, and tells events apart together
    /// with them.
    pub(super) fn by_unsigned_id(&self) -> bool {
        matches!(self.dedup, DedupRule::UnsignedIdAndBody { outside: true })
    }

    /// Whether events say if they are of live mode.
    pub(super) fn has_mode(&self) -> bool {
        self.mode.is_some()
    }

    /// The events of a request whose signature holds. An event that cannot be read is an event too.
    pub(super) fn read(&self, signed: &SignedRequestParts<'_>) -> Vec<ProviderEvent> {
        let request = signed.request;
        let headers = signed.recorded.find(request.headers);
        // A GET request has its form in the query.
        let query = Bytes::copy_from_slice(match *request.method == http::Method::GET {
            true => query(request),
            false => b"",
        });
        let keep = |read, payload: &Bytes| {
            let digest = || signed.coverage.digest(payload);
            ProviderEvent::or_unreadable(read, digest, || headers.recorded(), payload)
        };
        let Some(pointer) = &self.items else {
            let payload = if query.is_empty() {
                request.body
            } else {
                &query
            };
            let read = self
                .json_text(request)
                .and_then(|text| self.event(&headers, signed, &text, payload.clone()));
            return vec![keep(read, payload)];
        };
        let items = match json::items(request.body, pointer) {
            Ok(items) => items,
            Err(error) => return vec![keep(Err(error.into()), request.body)],
        };
        items
            .into_iter()
            .enumerate()
            .map(|(at, item)| {
                let payload = request.body.slice_ref(item);
                let read = self.event(&headers, signed, item, payload.clone());
                keep(read.map_err(|why| why.of_item(at)), &payload)
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
        signed: &SignedRequestParts<'_>,
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
            timestamp: signed.timestamp,
            payload: &payload,
            form: form_of(signed.request),
            query: query(signed.request),
            coverage: signed.coverage,
            signs_a_value: signed.signs_a_value,
        };
        let missing = || self.kind.missing("event type", inputs);
        let kind = self.kind.text(inputs).ok_or_else(missing)?;
        let id = self.id.as_ref();
        let provider_id = id.and_then(|id| id.text(inputs));
        let (dedup, equal_bytes) =
            self.dedup
                .identity(inputs, id, provider_id.as_ref(), &kind, signed.hashes)?;
        let text_of = |field: &Option<Field>| field.as_ref().and_then(|field| field.text(inputs));
        Ok(ProviderEvent {
            provider_id,
            subject: text_of(&self.subject),
            account: text_of(&self.account),
            created: text_of(&self.created).and_then(|text| time::created(&text)),
            live: self.mode.as_ref().and_then(|mode| mode.is_live(inputs)),
            dedup,
            equal_bytes,
            more_dedup: self.once(inputs).into_iter().collect(),
            unreadable: None,
            headers: headers.recorded(),
            kind,
            payload,
        })
    }
}

impl EventFields {
    /// The identity by the values that no two events share. `None` if one of them is absent.
    fn once(&self, inputs: FieldInputs<'_>) -> Option<DedupBasis> {
        let texts = self.once.iter().map(|field| field.text(inputs));
        let texts: Option<Vec<String>> = texts.collect();
        let texts = texts.filter(|texts| !texts.is_empty())?;
        let named = std::iter::once("once".to_owned()).chain(texts);
        Some(DedupBasis::Fields(named.collect()))
    }
}

/// A request whose signature is valid, with what events are read from.
pub(super) struct SignedRequestParts<'r> {
    /// The request.
    pub(super) request: &'r Request<'r>,
    /// The headers to record.
    pub(super) recorded: &'r HeaderSet,
    /// The text of the signed timestamp.
    pub(super) timestamp: Option<&'r str>,
    /// What the signature covers.
    pub(super) coverage: &'r dyn Coverage,
    /// Whether any value of the request is among the signed bytes.
    pub(super) signs_a_value: bool,
    /// For how long the provider resends, and what a source chose: see [`DedupRule::identity`].
    pub(super) hashes: (Duration, DedupChoice),
}
