//! How long what is kept: events, their payloads, their keys.
//!
//! An event has ended when all of its deliveries are done, ignored or dead and none of its
//! requests waits. What has not ended is never touched, however old it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::LedgerError;
use tollgate_base::event::{ComponentDigest, EventId, HANDLER_SOURCE_PREFIX, SourceName};
use tollgate_base::json::PointerSet;

/// Prunes and erases.
pub trait RetentionStore: Send + Sync + 'static {
    /// Does one small step of what `retention` asks for: prunes events that ended long
    /// enough ago, erases payloads, removes keys that have had their time, gives space
    /// back. Blocks until it is durable. While much waits to be written the step is put
    /// off. To be called again, after a pause, until it says that there is no more to do.
    fn sweep(&self, retention: &Arc<Retention>) -> Result<Swept, LedgerError>;

    /// Erases an event's payload and everything that was made of it now, whatever
    /// retention says; its key and history stay. Blocks until it is durable, and until
    /// the files hold nothing of it either.
    fn erase(&self, event: EventId) -> Result<Erased, LedgerError>;

    /// Whether an attempt that is kept names this component.
    fn is_named(&self, component: ComponentDigest) -> Result<bool, LedgerError>;
}

/// What the manifest says of keeping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// How long events are kept after they ended, dead ones included; `None`: for good.
    pub events: Option<Duration>,
    /// What each source says, and each handler of what it makes (`handler:NAME`; of its keys it
    /// cannot say anything). One that is not here keeps its keys for good and its payloads as
    /// long as its events.
    pub sources: BTreeMap<SourceName, SourceRetention>,
}

/// What a source says of keeping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRetention {
    /// How long a key is kept after its last arrival, at least; `None`: for good.
    pub keys: Option<Duration>,
    /// When payloads are erased, if before their events are pruned.
    pub erase: Option<Erasure>,
}

/// Erasing payloads before their events are pruned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// How long after the event was done. Dead ones are not erased, since they are there to
    /// be replayed.
    pub after: Duration,
    /// JSON pointers to what is taken out of the payload; when there are none, or the payload
    /// is not JSON, the whole payload with its headers is.
    pub pointers: Vec<String>,
    /// Whether log lines and reasons that attempts left are erased too.
    pub logs: bool,
}

/// How long keys are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRetention {
    /// For good.
    Forever,
    /// So long after the last arrival, and at least as long as the event.
    For(Duration),
    /// As long as an event is there that was recorded before: the event may have been emitted
    /// by one of its deliveries, which could emit it once more.
    WhileEmittable,
}

impl Retention {
    /// How long keys of this source are kept.
    pub fn keys(&self, source: &str) -> KeyRetention {
        if source.starts_with(HANDLER_SOURCE_PREFIX) {
            return KeyRetention::WhileEmittable;
        }
        match self.sources.get(source).map(|source| source.keys) {
            Some(Some(period)) => KeyRetention::For(period),
            Some(None) | None => KeyRetention::Forever,
        }
    }

    /// When payloads of this source are erased, if before their events are pruned.
    pub fn erasure(&self, source: &str) -> Option<&Erasure> {
        self.sources.get(source)?.erase.as_ref()
    }
}

impl Erasure {
    /// Erases everything at once: an operator erases one event.
    pub fn everything() -> Self {
        Self {
            after: Duration::ZERO,
            pointers: Vec::new(),
            logs: true,
        }
    }

    /// What is left of a payload; `None` when nothing is.
    pub fn redact(&self, payload: &[u8]) -> Option<Vec<u8>> {
        if self.pointers.is_empty() {
            return None;
        }
        let pointers = PointerSet::new(&self.pointers).ok()?;
        tollgate_base::json::redact(payload, &pointers).ok()
    }
}

/// What a step of a sweep came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Events that were pruned.
    pub pruned: u64,
    /// Events whose payloads were erased or redacted.
    pub erased: u64,
    /// KeyRetention that were removed after their events.
    pub forgotten: u64,
    /// Whether there is more to do.
    pub more: bool,
    /// How long to let others be before that.
    pub rest: Duration,
}

/// What became of a wish to erase an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// Its payload is gone.
    Done,
    /// It is still to be delivered, or a request of it waits: erased later.
    StillDue,
    /// There is no such event, or it has been pruned.
    Unknown,
}
