//! The events of `data/`, and readings of small payloads.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tollgate_handler::stripe::StripeEvent;
use tollgate_handler::{Error, Event, testing};

/// The events of one of the files.
pub(crate) fn events(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/sdk_tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(path).expect("the file is there");
    serde_json::from_slice(&text).expect("a list of events")
}

/// Reads a payload as the gateway hands it to a handler.
pub(crate) fn read<T: DeserializeOwned>(kind: &str, payload: &Value) -> T {
    let read = testing::event(kind, payload).json();
    read.unwrap_or_else(|error| panic!("{kind}: {error}\n{payload}"))
}

/// Reads an object of Stripe within its event.
pub(crate) fn object<T: DeserializeOwned>(object: Value) -> T {
    let event = json!({"id": "evt_1", "type": "test", "created": 1, "data": {"object": object}});
    read::<StripeEvent<T>>("test", &event).data.object
}

/// Returns the message of the error for a payload that cannot be read.
pub(crate) fn mistake<T: DeserializeOwned>(payload: &[u8]) -> String {
    let event = Event {
        payload: payload.into(),
        ..testing::event("test", "")
    };
    match event.json::<T>() {
        Err(Error::Payload { kind, message }) => {
            assert_eq!(kind, "test");
            message
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("readable: {}", String::from_utf8_lossy(payload)),
    }
}
