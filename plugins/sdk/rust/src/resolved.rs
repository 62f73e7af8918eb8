//! What the provider's API told about the event, if the event's source resolves events.
//!
//! An answer is as old as its `read_ms`, and not as old as the event: the object may have changed
//! since, and later events may be in it already. [`stripe::read`](crate::stripe::read) reads an
//! event of Stripe whichever form it has.

use serde::de::DeserializeOwned;

pub use crate::values::Answer;
use crate::{Error, Event, host, place};

impl Answer {
    /// Reads the answer as JSON of type `T`; `None` if the thing is gone. `event` is named in the
    /// error.
    pub fn json<T: DeserializeOwned>(&self, event: &Event) -> Result<Option<T>, Error> {
        let Some(body) = &self.body else {
            return Ok(None);
        };
        let read = serde_json::from_slice(body);
        read.map(Some).map_err(|error| Error::Payload {
            kind: event.kind.clone(),
            message: format!("its object: {}", place::message(body, &error)),
        })
    }
}

/// Returns the object that the event is about; `None` if the gateway did not ask for it.
pub fn object() -> Option<Answer> {
    host::resolved_object()
}

/// Returns the event with the fields that the provider does not send; `None` if the gateway did not
/// ask for them.
pub fn event() -> Option<Answer> {
    host::resolved_event()
}
