//! The effects that a guest asks for: outbox requests, emitted events, schedule entries. They are
//! checked, counted against the handler's limit, and kept until the run has ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::guest::Guest;
use crate::http::refused_method;
use crate::state::MAX_KEY;
use tollgate_base::event::{
    DedupBasis, DedupKey, Event, EventId, Headers, MAX_DEPTH, OUTBOX_RESPONSE,
};
use tollgate_base::origin::Origin;
use tollgate_ledger::{
    Delivery, Due, Effects, NewEvent, NewRequest, NewScheduled, Respond, SCHEDULE_HORIZON,
    ScheduleWrite, StateWrite,
};

/// The longest type of an event that a handler makes, in bytes.
const MAX_KIND: usize = 255;
/// Bytes that each effect counts beside its content, because a row costs something however short
/// it is.
const ROW: usize = 64;

/// Headers that a guest may not set: the host sets them, or they belong to the connection.
const RESERVED_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "tollgate-event-id",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Why an effect was refused. The guest gets the reason.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The effect is not valid, for this reason.
    Invalid(String),
    /// The manifest does not allow requests to this origin.
    NotAllowed(String),
    /// The key of the schedule is empty or too long.
    InvalidKey,
    /// The chain of events that cause events is too long.
    TooDeep,
    /// The effects together exceed the handler's limit.
    TooLarge,
}

/// The effects that one run has asked for so far, except writes of state.
pub(crate) struct RequestedEffects {
    guest: Arc<Guest>,
    delivery: Delivery,
    outbox: Vec<NewRequest>,
    emitted: Vec<NewEvent>,
    schedule: BTreeMap<String, ScheduleWrite>,
    /// The number of the next call of outbox, emit or schedule. Their idempotency keys have it.
    next_call: u32,
    /// Bytes of all effects, writes of state among them.
    bytes: usize,
}

impl RequestedEffects {
    /// No effects yet.
    pub(crate) fn new(guest: &Arc<Guest>, delivery: &Delivery) -> Self {
        Self {
            guest: guest.clone(),
            delivery: delivery.clone(),
            outbox: Vec::new(),
            emitted: Vec::new(),
            schedule: BTreeMap::new(),
            next_call: 0,
            bytes: 0,
        }
    }

    /// Counts an effect of this many bytes. Returns false if the effects would exceed the limit.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let total = self.bytes.saturating_add(bytes).saturating_add(ROW);
        let fits = total <= self.guest.limits.effects;
        if fits {
            self.bytes = total;
        }
        fits
    }

    fn next_key(&mut self) -> String {
        let key = self.delivery.idempotency_key(self.next_call);
        self.next_call += 1;
        key
    }

    /// Queues a request. Returns its idempotency key.
    pub(crate) fn send(
        &mut self,
        method: &str,
        url: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        order_key: Option<String>,
        respond: Option<String>,
    ) -> Result<String, Refused> {
        let parsed = http::Method::from_bytes(method.as_bytes())
            .map_err(|_| Refused::Invalid(format!("`{method}` is no HTTP method")))?;
        if let Some(why) = refused_method(&parsed) {
            return Err(Refused::Invalid(why.to_owned()));
        }
        let origin = self.allowed_origin(&url)?;
        for (name, value) in &headers {
            self.check_header(&origin, name, value)?;
        }
        let respond = respond.map(|text| self.respond(text)).transpose()?;
        let size = url.len()
            + body.len()
            + order_key.as_ref().map_or(0, String::len)
            + respond.as_ref().map_or(0, |of| of.correlation.len())
            + headers
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>();
        if !self.take(size) {
            return Err(Refused::TooLarge);
        }
        let key = self.next_key();
        self.outbox.push(NewRequest {
            key: key.clone(),
            method: method.to_owned(),
            url,
            headers,
            body: Bytes::from(body),
            order_key,
            respond,
        });
        Ok(key)
    }

    fn respond(&self, correlation: String) -> Result<Respond, Refused> {
        let cause = &self.delivery.event;
        let depth = cause.depth + 1;
        if depth > MAX_DEPTH {
            return Err(Refused::TooDeep);
        }
        Ok(Respond {
            correlation,
            account: cause.account.clone(),
            depth,
        })
    }

    fn allowed_origin(&self, url: &str) -> Result<Origin, Refused> {
        let uri: http::Uri = url
            .parse()
            .map_err(|error| Refused::Invalid(format!("`{url}` is no URL: {error}")))?;
        let origin = Origin::of(&uri).map_err(|error| Refused::Invalid(error.to_string()))?;
        if self.guest.grants.iter().any(|grant| grant.origin == origin) {
            Ok(origin)
        } else {
            Err(Refused::NotAllowed(origin.to_string()))
        }
    }

    fn check_header(&self, origin: &Origin, name: &str, value: &str) -> Result<(), Refused> {
        let parsed = http::HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Refused::Invalid(format!("`{name}` is no header name")))?;
        http::HeaderValue::from_str(value).map_err(|_| {
            Refused::Invalid(format!("the value of header `{name}` is no header value"))
        })?;
        let name = parsed.as_str();
        let from_manifest = self
            .guest
            .grants
            .iter()
            .filter(|grant| grant.origin == *origin)
            .flat_map(|grant| &grant.headers)
            .any(|own| own.eq_ignore_ascii_case(name));
        if from_manifest || RESERVED_HEADERS.contains(&name) {
            return Err(Refused::Invalid(format!(
                "header `{name}` is set by the gateway"
            )));
        }
        Ok(())
    }

    /// Emits an event. Returns its id.
    pub(crate) fn emit(
        &mut self,
        kind: String,
        subject: Option<String>,
        payload: Vec<u8>,
    ) -> Result<EventId, Refused> {
        check_kind(&kind)?;
        let cause = self.delivery.event.clone();
        let depth = cause.depth + 1;
        if depth > MAX_DEPTH {
            return Err(Refused::TooDeep);
        }
        if !self.take(kind.len() + subject.as_ref().map_or(0, String::len) + payload.len()) {
            return Err(Refused::TooLarge);
        }
        let key = self.next_key();
        let source = self.guest.name.as_source();
        let id = EventId::derived(cause.received, key.as_bytes());
        self.emitted.push(NewEvent {
            dedup: DedupKey::new(&source, &DedupBasis::SignedId(key)),
            more_dedup: Vec::new(),
            equal_bytes: tollgate_ledger::EqualBytes::SameFact,
            form: tollgate_ledger::EventForm::Whole,
            event: Event {
                id,
                source,
                provider_id: None,
                kind,
                subject,
                account: cause.account.clone(),
                created: None,
                received: cause.received,
                headers: Headers::default(),
                metadata: vec![
                    ("emitted-by".into(), self.guest.name.to_string()),
                    ("cause".into(), cause.id.to_string()),
                ],
                depth,
                payload: Bytes::from(payload),
            },
            // The gateway knows the routes and fills the handlers in before the commit.
            handlers: Vec::new(),
        });
        Ok(id)
    }

    /// Schedules an event under a key. Replaces the entry that the key has.
    pub(crate) fn put(
        &mut self,
        key: String,
        due: Due,
        kind: String,
        subject: Option<String>,
        payload: Vec<u8>,
    ) -> Result<(), Refused> {
        check_key(&key)?;
        check_kind(&kind)?;
        if matches!(due, Due::After(delay) if delay > SCHEDULE_HORIZON) {
            return Err(Refused::Invalid("400 days ahead at most".into()));
        }
        let subject_size = subject.as_ref().map_or(0, String::len);
        if !self.take(key.len() + kind.len() + subject_size + payload.len()) {
            return Err(Refused::TooLarge);
        }
        let call = self.next_key();
        let cause = &self.delivery.event;
        let put = NewScheduled {
            call,
            due,
            kind,
            subject,
            account: cause.account.clone(),
            depth: cause.depth,
            payload: Bytes::from(payload),
        };
        self.schedule.insert(key, ScheduleWrite::Put(put));
        Ok(())
    }

    /// Removes the schedule entry of a key.
    pub(crate) fn cancel(&mut self, key: String) -> Result<(), Refused> {
        check_key(&key)?;
        if !self.take(key.len()) {
            return Err(Refused::TooLarge);
        }
        self.schedule.insert(key, ScheduleWrite::Cancel);
        Ok(())
    }

    /// The effects, with the writes of state.
    pub(crate) fn into_effects(self, state: Vec<(String, StateWrite)>) -> Effects {
        Effects {
            state,
            outbox: self.outbox,
            emitted: self.emitted,
            schedule: self.schedule.into_iter().collect(),
        }
    }
}

fn check_kind(kind: &str) -> Result<(), Refused> {
    if kind == OUTBOX_RESPONSE {
        return Err(Refused::Invalid(format!(
            "`{kind}` is reserved for the gateway"
        )));
    }
    if kind.is_empty() || kind.len() > MAX_KIND || kind.chars().any(char::is_control) {
        return Err(Refused::Invalid(
            "an event type has 1 to 255 bytes and no control characters".into(),
        ));
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), Refused> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(Refused::InvalidKey);
    }
    Ok(())
}
