//! A delivery's last attempt, to be run once more elsewhere.

use crate::{Delivery, Exchange, NewRequest};
use tollgate_base::event::ComponentDigest;

/// The input and the effects of a delivery's last attempt.
#[derive(Clone, Debug)]
pub struct RecordedRun {
    /// The delivery, as the attempt got it.
    pub delivery: Delivery,
    /// The end of the attempt.
    pub did: RecordedEnd,
}

/// The outcome of an attempt with its effects, without writes to state, which are not recorded.
#[derive(Clone, Debug)]
pub struct RecordedEnd {
    /// The outcome.
    pub outcome: String,
    /// The reason.
    pub detail: String,
    /// The component that ran; `None` after a crash.
    pub component: Option<ComponentDigest>,
    /// The requests.
    pub requests: Vec<NewRequest>,
    /// The emitted events.
    pub emitted: Vec<RecordedEmission>,
    /// The immediate requests, with their answers.
    pub exchanges: Vec<Exchange>,
}

/// An emitted event, without the fields that the gateway adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEmission {
    /// The event type.
    pub kind: String,
    /// The object that the event is about.
    pub subject: Option<String>,
    /// The event's bytes.
    pub payload: Vec<u8>,
}
