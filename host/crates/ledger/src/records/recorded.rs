//! A delivery's last attempt, for running it once more elsewhere.

use crate::{Delivery, NewRequest};
use tollgate_base::event::ComponentDigest;

/// What a delivery's last attempt was given and did.
#[derive(Clone, Debug)]
pub struct RecordedRun {
    /// The delivery as that attempt was given it.
    pub delivery: Delivery,
    /// What it did.
    pub did: RecordedEnd,
}

/// How an attempt ended, with its effects but for those on state, which are not recorded.
#[derive(Clone, Debug)]
pub struct RecordedEnd {
    /// How it ended.
    pub outcome: String,
    /// What was said of that.
    pub detail: String,
    /// What ran; none after a crash.
    pub component: Option<ComponentDigest>,
    /// What it queued.
    pub requests: Vec<NewRequest>,
    /// What it emitted.
    pub emitted: Vec<RecordedEmission>,
}

/// An emitted event, without what the gateway adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEmission {
    /// Its type.
    pub kind: String,
    /// What it is about.
    pub subject: Option<String>,
    /// Its bytes.
    pub payload: Vec<u8>,
}
