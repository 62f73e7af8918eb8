//! The event that tells a handler how its request ended.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Serialize;

use super::outcome::Outcome;
use crate::outbox::parts::Targets;
use tollgate_base::event::{DedupBasis, DedupKey, Event, EventId, Headers, OUTBOX_RESPONSE};
use tollgate_base::time::WallTime;
use tollgate_ledger::{NewEvent, OutboxNext, OutboxRequest, Respond};

/// The payload of the event; documented with `respond` in `wit/outbox.wit`.
#[derive(Serialize)]
struct Payload<'a> {
    outcome: &'static str,
    idempotency_key: &'a str,
    correlation: &'a str,
    status: Option<u16>,
    headers: &'a [(String, String)],
    body: Option<String>,
    encoding: Option<&'static str>,
    truncated: bool,
    tries: u32,
    error: Option<&'a str>,
}

/// The event that tells a handler how its request ended at `at`. `None` if the request goes on,
/// or if the handler did not ask for the answer.
pub(in crate::outbox) fn event(
    targets: &dyn Targets,
    request: &OutboxRequest,
    outcome: &Outcome,
    tries: u32,
    next: OutboxNext,
    at: WallTime,
) -> Option<NewEvent> {
    let ended = match next {
        OutboxNext::Sent => "sent",
        OutboxNext::Dead => "dead",
        OutboxNext::Waiting { .. } => return None,
    };
    ending(
        targets,
        request,
        outcome,
        tries,
        (ended, id_of(request)),
        at,
    )
}

/// The event that tells a handler that somebody cancelled its request at `at`. The event has an id
/// of its own: if a try is under way, its receiver may accept the request all the same, and the
/// handler is told that too.
pub(crate) fn cancelled(
    targets: &dyn Targets,
    request: &OutboxRequest,
    who: &str,
    at: WallTime,
) -> Option<NewEvent> {
    let outcome = Outcome::dead(format!("cancelled by {who}"));
    let id = format!("{}/cancelled", id_of(request));
    ending(targets, request, &outcome, request.tries, ("dead", id), at)
}

/// The event with this outcome and this id.
fn ending(
    targets: &dyn Targets,
    request: &OutboxRequest,
    outcome: &Outcome,
    tries: u32,
    (ended, id): (&'static str, String),
    at: WallTime,
) -> Option<NewEvent> {
    let respond = request.request.respond.as_ref()?;
    let answer = outcome.answer.as_ref();
    let (body, encoding) = answer.map(|answer| encoded(&answer.body)).unzip();
    let payload = Payload {
        outcome: ended,
        idempotency_key: &request.request.key,
        correlation: &respond.correlation,
        status: outcome.status.map(|status| status.as_u16()),
        headers: answer.map_or(&[], |answer| &answer.headers),
        body,
        encoding,
        truncated: answer.is_some_and(|answer| answer.truncated),
        tries,
        error: Some(outcome.error.as_str()).filter(|error| !error.is_empty()),
    };
    let payload = serde_json::to_vec(&payload).expect("texts and numbers always have a JSON form");
    let mut new = wrap(request, respond, id, payload, at);
    new.handlers = vec![targets.recipient(request.handler.clone(), &new.event)];
    Some(new)
}

fn encoded(body: &[u8]) -> (String, &'static str) {
    match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), "text"),
        Err(_) => (BASE64.encode(body), "base64"),
    }
}

/// The id of the event that tells how tries of the request ended. The key of the request alone may
/// be the id of an emitted event. A request that was requeued ends once more.
fn id_of(request: &OutboxRequest) -> String {
    let key = &request.request.key;
    match request.requeued.times {
        0 => format!("{OUTBOX_RESPONSE}/{key}"),
        times => format!("{OUTBOX_RESPONSE}/{key}/{times}"),
    }
}

fn wrap(
    request: &OutboxRequest,
    respond: &Respond,
    id: String,
    payload: Vec<u8>,
    at: WallTime,
) -> NewEvent {
    let source = request.handler.as_source();
    let key = &request.request.key;
    let event = Event {
        id: EventId::derived(request.queued, id.as_bytes()),
        source: source.clone(),
        provider_id: None,
        kind: OUTBOX_RESPONSE.to_owned(),
        subject: Some(respond.correlation.clone()).filter(|text| !text.is_empty()),
        account: respond.account.clone(),
        created: Some(at),
        received: at,
        headers: Headers::default(),
        metadata: vec![
            ("request".into(), key.clone()),
            ("cause".into(), request.event.to_string()),
        ],
        depth: respond.depth,
        payload: Bytes::from(payload),
    };
    NewEvent {
        dedup: DedupKey::new(&source, &DedupBasis::SignedId(id)),
        more_dedup: Vec::new(),
        equal_bytes: tollgate_ledger::EqualBytes::SameFact,
        form: tollgate_ledger::EventForm::Whole,
        event,
        handlers: Vec::new(),
    }
}
