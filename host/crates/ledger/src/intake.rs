//! Recording events.

use std::pin::Pin;

use super::{LedgerError, Recipient};
use tollgate_base::event::{DedupKey, Event, EventId};

/// Records events.
pub trait Intake: Send + Sync + 'static {
    /// Records the events of one request with their deliveries, all or none, and resolves
    /// once they are durable. By then the new deliveries have been handed to the
    /// [`LedgerSink`](super::LedgerSink). The write happens even if the caller goes away.
    /// Answers are in the order of `events`.
    fn record(&self, events: Vec<NewEvent>) -> RecordFuture;
}

/// Resolves when the events of one request are durable.
pub type RecordFuture = Pin<Box<dyn Future<Output = Result<Vec<Recorded>, LedgerError>> + Send>>;

/// An event to record: a verified event, or an event that handling another event made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewEvent {
    /// The event.
    pub event: Event,
    /// The key by which a duplicate is known.
    pub dedup: DedupKey,
    /// Further keys; mostly none. If one of all keys is known, the event is a duplicate, and the
    /// other keys lead to the recorded event from then on.
    pub more_dedup: Vec<DedupKey>,
    /// The handlers that the routes name, each once.
    pub handlers: Vec<Recipient>,
}

/// The result of recording an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// The event is new.
    New(EventId),
    /// The event had been recorded before.
    Duplicate {
        /// The id of the recorded event; `None` if only its dedup key is left.
        first: Option<EventId>,
        /// Whether this arrival has the bytes of the recorded event. True also if these bytes are
        /// no longer kept.
        same_bytes: bool,
    },
}

impl Recorded {
    /// The id of the recorded event; `None` if the event has been pruned.
    pub fn id(self) -> Option<EventId> {
        match self {
            Self::New(id) => Some(id),
            Self::Duplicate { first, .. } => first,
        }
    }
}
