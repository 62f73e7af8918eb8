//! Takes values out of a capture: what remains tells the shape of a request, and not of whom it is.
//!
//! Personal data has no form of its own: so values stay only where they are known to be none. Those
//! are words such as a status or a currency, amounts and times under keys that say so, and what
//! identifies the event.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use tollgate_base::rfc3339;

use super::file::Capture;
use super::raw::Raw;

/// What stands in the place of a text.
const REDACTED: &str = "redacted";

/// What a redacted capture says of itself.
const SAYS: &str = "values were replaced, so the signature cannot hold any more";

/// Keys whose texts are words of the provider.
const WORDS: [&str; 14] = [
    "action",
    "api_version",
    "currency",
    "currencycode",
    "event",
    "event_type",
    "eventcode",
    "eventtype",
    "mode",
    "object",
    "state",
    "status",
    "topic",
    "type",
];

/// Parts of keys whose numbers, and times in the form of RFC 3339, say how much or when.
const QUANTITIES: [&str; 12] = [
    "amount", "count", "created", "date", "fee", "price", "quantity", "tax", "time", "total",
    "version", "_at",
];

/// Replaces the values of the body, of the events, of the query and of all headers but those of
/// which `is_harmless` says that they hold nothing of anybody.
pub(crate) fn redact(capture: &mut Capture, is_harmless: impl Fn(&str) -> bool) {
    let mut known = Vec::new();
    let mut recorded = Vec::new();
    for event in capture.events_mut() {
        known.push(event.kind.clone());
        let ids = [&event.provider_id, &event.subject, &event.account];
        known.extend(ids.into_iter().flatten().cloned());
        recorded.extend(event.headers.keys().cloned());
    }
    for event in capture.events_mut() {
        event.payload = payload(&event.payload, &known);
    }
    let request = &mut capture.request;
    for (name, value) in &mut request.headers {
        if !is_harmless(name) && !recorded.contains(name) {
            *value = Raw::Text(length_of(value));
        }
    }
    if let Some((path, query)) = request.target.split_once('?') {
        request.target = format!("{path}?({} bytes)", query.len());
    }
    let body = request.body.take();
    request.body = body.and_then(|body| match body {
        Raw::Text(text) => json(&text, &known).map(|value| Raw::Text(value.to_string())),
        Raw::Base64 { .. } => None,
    });
    request.secret_mark = None;
    request.redacted = Some(SAYS.to_owned());
}

fn length_of(value: &Raw) -> String {
    let length = value.bytes().map_or(0, |bytes| bytes.len());
    format!("({length} bytes)")
}

/// The payload without its values. A payload that is no JSON is a text as a whole.
fn payload(payload: &RawValue, known: &[String]) -> Box<RawValue> {
    let value = match json(payload.get(), known) {
        None | Some(Value::String(_)) => REDACTED.into(),
        Some(value) => value,
    };
    // A value of JSON is JSON.
    to_raw_value(&value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// The JSON of a text without its values. `None` if the text is no JSON.
fn json(text: &str, known: &[String]) -> Option<Value> {
    let value = serde_json::from_str(text).ok()?;
    Some(without_values(value, "", known))
}

fn without_values(value: Value, key: &str, known: &[String]) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value,
        Value::Number(_) if is_quantity(key) => value,
        Value::Number(_) => 0.into(),
        Value::String(text) => {
            let is_word = WORDS.contains(&key.to_ascii_lowercase().as_str());
            let is_time = is_quantity(key) && rfc3339::parse(&text).is_some();
            match is_word || is_time || known.contains(&text) {
                true => text.into(),
                false => REDACTED.into(),
            }
        }
        Value::Array(items) => {
            let items = items.into_iter();
            items.map(|item| without_values(item, key, known)).collect()
        }
        Value::Object(members) => {
            let members = members.into_iter().map(|(key, value)| {
                let value = without_values(value, &key, known);
                (key, value)
            });
            members.collect::<Map<_, _>>().into()
        }
    }
}

fn is_quantity(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    QUANTITIES.iter().any(|part| key.contains(part))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_shape_stays_and_nobody_is_named() {
        let body = json!({
            "id": "evt_1", "type": "charge.succeeded", "created": 1_700_000_000, "livemode": true,
            "data": { "object": {
                "id": "ch_1", "object": "charge", "amount": 500, "currency": "usd",
                "created_at": "2026-05-28T20:26:40Z", "birthday": "1815-12-10",
                "phone": 4_915_112_345_678_u64, "tags": ["Ada", "Byron"],
                "billing": { "name": "Ada", "email": "ada@example.com" },
            } },
        });
        let text = body.to_string();
        let redacted = json(&text, &["evt_1".to_owned(), "ch_1".to_owned()]).unwrap();
        let wanted = json!({
            "id": "evt_1", "type": "charge.succeeded", "created": 1_700_000_000, "livemode": true,
            "data": { "object": {
                "id": "ch_1", "object": "charge", "amount": 500, "currency": "usd",
                "created_at": "2026-05-28T20:26:40Z", "birthday": "redacted",
                "phone": 0, "tags": ["redacted", "redacted"],
                "billing": { "name": "redacted", "email": "redacted" },
            } },
        });
        assert_eq!(redacted, wanted);
    }
}
