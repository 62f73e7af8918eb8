//! Typed access to the fields of an [`Event`].

use serde::de::DeserializeOwned;

use crate::{Error, Event, place};

impl Event {
    /// Reads the payload as JSON of type `T`.
    ///
    /// # Errors
    /// [`Error::Payload`] with the path of the field that cannot be read, such as
    /// `data.object.amount`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.payload).map_err(|e| Error::Payload {
            kind: self.kind.clone(),
            message: place::message(&self.payload, &e),
        })
    }

    /// Returns the first recorded header with this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Returns the key under which the handler scheduled this event; `None` for other events.
    pub fn scheduled(&self) -> Option<&str> {
        self.fact("schedule")
    }

    /// Returns a value of the event's metadata, such as `emitted-by`.
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
