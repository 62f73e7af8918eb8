//! Events to run a handler on.

use serde::Serialize;
use serde_json::Value;

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

/// Makes the thin event that Stripe sends in place of a snapshot event: the type begins with `v1.`,
/// and the object is missing. [`Host::resolve`](super::Host::resolve) gives the object.
///
/// # Panics
/// If the event is not one of Stripe's snapshot events.
pub fn thin(snapshot: &Event) -> Event {
    let value: Value = snapshot.json().expect("an event of Stripe");
    let object = &value["data"]["object"];
    let seconds = value["created"].as_i64().expect("a time in seconds");
    let payload = serde_json::json!({
        "id": format!("evt_thin_{}", value["id"].as_str().unwrap_or_default()),
        "object": "v2.core.event",
        "type": format!("v1.{}", snapshot.kind),
        "livemode": value["livemode"],
        "context": value["account"],
        "reason": null,
        "related_object": {
            "id": object["id"], "type": object["object"],
            "url": format!("/v1/objects/{}", object["id"].as_str().unwrap_or_default()),
        },
        "snapshot_event": value["id"],
    });
    let created_ms = seconds.try_into().ok().map(|seconds: u64| seconds * 1000);
    let thin = event(&format!("v1.{}", snapshot.kind), &payload);
    Event {
        created_ms,
        received_ms: snapshot.received_ms,
        account: snapshot.account.clone(),
        subject: object["id"].as_str().map(Into::into),
        ..thin
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
