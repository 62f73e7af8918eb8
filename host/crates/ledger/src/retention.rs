//! How long the ledger keeps events, their payloads and their keys.
//!
//! An event has ended when all of its deliveries are done, ignored or dead and none of its
//! requests waits. An event that has not ended is never touched, however old it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::LedgerError;
use tollgate_base::event::{ComponentDigest, EventId, HANDLER_SOURCE_PREFIX, SourceName};
use tollgate_base::json::PointerSet;

/// Prunes and erases.
pub trait RetentionStore: Send + Sync + 'static {
    /// Does one small step of the work that `retention` asks for: prunes events that ended long
    /// enough ago, erases payloads, removes expired keys, gives space back. Blocks until the step
    /// is durable. Does nothing while many writes wait. The caller calls again, after a pause,
    /// until the answer says that nothing is left to do.
    fn sweep(&self, retention: &Arc<Retention>) -> Result<Swept, LedgerError>;

    /// Erases the payload of an event, and everything that was made of the payload, whatever
    /// retention says. The event's dedup key and history stay. Blocks until that is durable, and
    /// until the ledger's files do not hold the payload any more.
    fn erase(&self, event: EventId) -> Result<Erased, LedgerError>;

    /// Whether a kept attempt names this component.
    fn is_named(&self, component: ComponentDigest) -> Result<bool, LedgerError>;
}

/// The manifest's settings for retention.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// How long an event is kept after its end, dead deliveries included; `None`: for good.
    pub events: Option<Duration>,
    /// The settings of each source, and of each handler for the events that it makes
    /// (`handler:NAME`; without a setting for keys). A source without settings keeps its keys for
    /// good, and its payloads as long as its events.
    pub sources: BTreeMap<SourceName, SourceRetention>,
}

/// A source's settings for retention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRetention {
    /// How long a key is kept after its last arrival, at least; `None`: for good.
    pub keys: Option<Duration>,
    /// When payloads are erased, if that is before their events are pruned.
    pub erase: Option<Erasure>,
}

/// Erasing payloads before their events are pruned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// How long after the event was done. Payloads of dead deliveries are kept for replays.
    pub after: Duration,
    /// JSON pointers to the parts of the payload that are erased. Without pointers, or if the
    /// payload is not JSON, the whole payload and its headers are erased.
    pub pointers: Vec<String>,
    /// Whether log lines and reasons of attempts are erased too.
    pub logs: bool,
}

/// How long keys are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRetention {
    /// For good.
    Forever,
    /// For this time after the last arrival, and at least as long as the event.
    For(Duration),
    /// As long as an event is there that was recorded before: a delivery of that event may have
    /// emitted this one, and could emit it once more.
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

    /// When payloads of this source are erased, if that is before their events are pruned.
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

    /// The rest of a payload after its erasure; `None` if nothing is left.
    pub fn redact(&self, payload: &[u8]) -> Option<Vec<u8>> {
        if self.pointers.is_empty() {
            return None;
        }
        let pointers = PointerSet::new(&self.pointers).ok()?;
        tollgate_base::json::redact(payload, &pointers).ok()
    }
}

/// The result of a step of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Events that were pruned.
    pub pruned: u64,
    /// Events whose payloads were erased or redacted.
    pub erased: u64,
    /// Keys that were removed after their events.
    pub forgotten: u64,
    /// Whether work is left.
    pub more: bool,
    /// The pause before the next step.
    pub rest: Duration,
}

/// The result of erasing an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// The payload is gone.
    Done,
    /// The event has not ended: a delivery or a request waits. Erase it later.
    StillDue,
    /// There is no such event, or it has been pruned.
    Unknown,
}
