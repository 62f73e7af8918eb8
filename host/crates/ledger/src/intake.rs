//! Recording events.

use std::pin::Pin;

use super::{LedgerError, Recipient};
use tollgate_base::event::{DedupKey, Event, EventId};

/// Takes events in.
pub trait Intake: Send + Sync + 'static {
    /// Records the events of one request with their deliveries, all or none, and resolves
    /// once they are durable. By then the new deliveries have been handed to the
    /// [`LedgerSink`](super::LedgerSink). The write happens even if the caller goes away.
    /// Answers are in the order of `events`.
    fn record(&self, events: Vec<NewEvent>) -> RecordFuture;
}

/// Resolves when the events of one request are durable.
pub type RecordFuture = Pin<Box<dyn Future<Output = Result<Vec<Recorded>, LedgerError>> + Send>>;

/// An event that may be recorded: one that was verified, or that came of handling another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewEvent {
    /// The event.
    pub event: Event,
    /// The key by which a duplicate is known.
    pub dedup: DedupKey,
    /// Further keys; mostly none. If one of all keys is known, the event is a duplicate, and the
    /// other keys lead to the recorded event from then on.
    pub more_dedup: Vec<DedupKey>,
    /// The handlers that its routes name, each once.
    pub handlers: Vec<Recipient>,
}

/// What recording an event came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// It is new.
    New(EventId),
    /// It had been recorded before.
    Duplicate {
        /// The id of the recorded event; none once all that is left of it is its key.
        first: Option<EventId>,
        /// Whether this one has the same bytes, as far as those of the recorded one are still
        /// there.
        same_bytes: bool,
    },
}

impl Recorded {
    /// The id under which the event is recorded, unless it has been pruned.
    pub fn id(self) -> Option<EventId> {
        match self {
            Self::New(id) => Some(id),
            Self::Duplicate { first, .. } => first,
        }
    }
}
