//! Recording events.

use std::pin::Pin;
use std::time::Duration;

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
    /// What equal bytes mean, if no signed value tells events apart.
    pub equal_bytes: EqualBytes,
    /// The handlers that the routes name, each once.
    pub handlers: Vec<Recipient>,
    /// Whether the event has with it what it is about.
    pub form: EventForm,
}

/// Whether an event has with it what it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EventForm {
    /// The event is all that there is.
    #[default]
    Whole,
    /// The event leaves its object out. The deliveries wait until the event is resolved: see
    /// [`ResolutionStore`](super::ResolutionStore). An event without a handler is not resolved.
    Thin,
    /// The event has its object with it, and a thin event may be its twin. The twin has this key,
    /// which is a further key of the snapshot event too.
    ///
    /// So the event is a duplicate of a twin that is on record, with two exceptions. If the twin
    /// still waits for its object, and no handler was given the twin, the event is recorded, and
    /// the twin's deliveries to the same handlers end as `ignored`. If the twin was resolved, but
    /// neither its object nor its fields were found, the event is recorded beside the twin.
    Snapshot(DedupKey),
}

/// What equal bytes mean for an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EqualBytes {
    /// Nothing: the keys are those of one fact, for good.
    #[default]
    SameFact,
    /// `dedup` is a hash of the bytes. An event that was received longer ago than this is another
    /// fact, and the key leads to the new event from then on.
    DuplicateWithin(Duration),
    /// The event is recorded with the metadata [`SAME_BYTES_AS`] if an event with the same `bytes`
    /// was received no longer ago than `within`.
    MarkedWithin {
        /// The key of the bytes.
        bytes: DedupKey,
        /// For how long.
        within: Duration,
        /// Whether a marked event has deliveries.
        routed: bool,
    },
}

/// The name in an event's metadata of the event that was recorded before with equal bytes.
pub const SAME_BYTES_AS: &str = "same_bytes_as";

/// The result of recording an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// The event is new.
    New(EventId),
    /// The event is new, and another event has the same bytes: see [`EqualBytes::MarkedWithin`].
    Marked {
        /// The id of the new event.
        id: EventId,
        /// The id of the event with the same bytes.
        same_bytes_as: EventId,
    },
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
            Self::New(id) | Self::Marked { id, .. } => Some(id),
            Self::Duplicate { first, .. } => first,
        }
    }
}
