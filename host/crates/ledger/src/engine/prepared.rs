//! Events that are ready to be recorded.

use std::sync::Arc;

use serde::Serialize;

use super::BASE_WEIGHT;
use crate::{EqualBytes, EventForm, NewEvent, Recipient, SAME_BYTES_AS};
use tollgate_base::event::{DedupKey, Event, EventId};

/// An event to be recorded. Whatever can be prepared is done on the caller's thread, not on
/// the writer's.
#[derive(Clone)]
pub(crate) struct PreparedEvent {
    pub(crate) event: Arc<Event>,
    pub(crate) dedup: DedupKey,
    /// Further dedup keys: any known key makes the event a duplicate.
    pub(crate) further_keys: Vec<DedupKey>,
    pub(crate) equal_bytes: EqualBytes,
    pub(crate) handlers: Vec<Recipient>,
    /// The headers as JSON.
    pub(crate) headers: String,
    /// The metadata as JSON.
    pub(crate) metadata: String,
    pub(crate) form: EventForm,
}

impl From<NewEvent> for PreparedEvent {
    fn from(new: NewEvent) -> Self {
        let mut further_keys = new.more_dedup;
        if let EventForm::Snapshot(twin) = new.form {
            further_keys.push(twin);
        }
        Self {
            headers: pairs_to_json(&new.event.headers),
            metadata: pairs_to_json(&new.event.metadata),
            event: Arc::new(new.event),
            dedup: new.dedup,
            further_keys,
            equal_bytes: new.equal_bytes,
            handlers: new.handlers,
            form: new.form,
        }
    }
}

impl PreparedEvent {
    /// The event with the mark that another event has the same bytes.
    pub(crate) fn marked(&self, same_bytes_as: EventId, routed: bool) -> Self {
        let mut marked = self.clone();
        let event = Arc::make_mut(&mut marked.event);
        let mark = (SAME_BYTES_AS.to_owned(), same_bytes_as.to_string());
        event.metadata.push(mark);
        marked.metadata = pairs_to_json(&event.metadata);
        if !routed {
            marked.handlers.clear();
        }
        marked
    }

    /// About how many bytes recording the event writes.
    pub(crate) fn weight(&self) -> usize {
        BASE_WEIGHT + self.headers.len() + self.metadata.len() + self.event.payload.len()
    }
}

/// Names and values as a JSON array of pairs, which keeps their order and repetitions.
pub(crate) fn pairs_to_json(pairs: &impl Serialize) -> String {
    serde_json::to_string(pairs).expect("pairs of strings always have a JSON form")
}
