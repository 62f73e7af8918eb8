//! Typed access to what arrived.

use serde::de::DeserializeOwned;

use crate::{Error, Event};

impl Event {
    /// The payload as JSON of type `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.payload).map_err(|e| Error::Payload {
            kind: self.kind.clone(),
            message: e.to_string(),
        })
    }

    /// The first recorded header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The key under which the handler scheduled this event, if it did.
    pub fn scheduled(&self) -> Option<&str> {
        self.fact("schedule")
    }

    /// A fact that the gateway added, such as `emitted-by`.
    pub fn fact(&self, name: &str) -> Option<&str> {
        find(&self.metadata, name)
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}
