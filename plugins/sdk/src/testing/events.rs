//! Events to run a handler on.

use serde::Serialize;

use crate::Event;
use crate::memory::{Sent, id_of};
use crate::response::{KIND, Response};

/// Makes an event with this type and JSON payload, as a gateway delivers it at the first attempt.
/// The event takes `id`, `created` (in seconds) and `account` from the payload, if they are there.
/// To set other fields, replace them: `Event { attempt: 2, ..event(…) }`.
///
/// # Panics
/// If the payload cannot be written as JSON.
pub fn event<T: Serialize + ?Sized>(kind: &str, payload: &T) -> Event {
    let value = serde_json::to_value(payload).expect("a payload that can be written as JSON");
    let payload = value.to_string().into_bytes();
    let created_ms = value["created"].as_u64().map(|seconds| seconds * 1000);
    Event {
        id: id_of(&[kind.as_bytes(), &payload]),
        source: "test".into(),
        provider_id: value["id"].as_str().map(Into::into),
        kind: kind.into(),
        subject: None,
        account: value["account"].as_str().map(Into::into),
        created_ms,
        received_ms: created_ms.unwrap_or(0) + 1000,
        attempt: 1,
        replay: false,
        headers: Vec::new(),
        metadata: Vec::new(),
        payload,
    }
}

/// Makes the event with the response of a request that asked for it. With a status other than 2xx,
/// the request became a dead letter.
pub fn response(of: &Sent, status: u16, body: &str) -> Event {
    response_event(of, |correlation| {
        Response::new(&of.key, correlation, status, body)
    })
}

/// Makes the event of a request that asked for its response and ended without one.
pub fn no_response(of: &Sent, error: &str) -> Event {
    response_event(of, |correlation| {
        Response::none(&of.key, correlation, error)
    })
}

fn response_event(of: &Sent, response: impl FnOnce(&str) -> Response) -> Event {
    let correlation = of.request.respond.as_deref().unwrap_or_default();
    Event {
        id: id_of(&[b"response", of.key.as_bytes()]),
        source: "handler:test".into(),
        subject: of.request.respond.clone(),
        metadata: vec![("request".into(), of.key.clone())],
        ..event(KIND, &response(correlation))
    }
}
