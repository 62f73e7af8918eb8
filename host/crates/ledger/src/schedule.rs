//! Events that handlers schedule for themselves: what is put, and what waits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{LedgerError, NewEvent, Recipient};
use tollgate_base::event::{DedupBasis, DedupKey, Event, EventId, HandlerName, Headers, MAX_DEPTH};
use tollgate_base::time::WallTime;

/// Makes events of what handlers have scheduled.
pub trait ScheduleStore: Send + Sync + 'static {
    /// Makes events of what handlers have scheduled for `now` or before, each delivered to
    /// its handler alone, in the order that `address` says: a bounded number, earliest
    /// first. Call it again while the next is due. Blocks until it is durable.
    fn fire(&self, now: WallTime, address: &Address) -> Result<Fired, LedgerError>;
}

/// How far ahead an entry may be due: more than a year, so that what recurs yearly fits.
pub const SCHEDULE_HORIZON: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// What is due sooner than this counts as emitted by the event that put it, so that a
/// handler which schedules itself again and again cannot run hot.
const CHAIN_GAP: Duration = Duration::from_secs(60);

/// Says what the delivery of an event to a handler is ordered by, as the manifest has it now.
pub type Address = Arc<dyn Fn(HandlerName, &Event) -> Recipient + Send + Sync>;

/// A change to the entry of one key of a handler's schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScheduleWrite {
    /// This is the entry now.
    Put(NewScheduled),
    /// There is no entry.
    Cancel,
}

/// An event for later, as a handler put it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewScheduled {
    /// The idempotency key of the call that put it: the event's id comes from it.
    pub call: String,
    /// When.
    pub due: Due,
    /// The event's type.
    pub kind: String,
    /// The object that it is about.
    pub subject: Option<String>,
    /// The account of the event that put it.
    pub account: Option<String>,
    /// The depth of the event that put it.
    pub depth: u32,
    /// Its bytes.
    pub payload: Bytes,
}

/// When an entry is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// So long after the commit.
    After(Duration),
    /// At this time, or at once when that has passed.
    At(WallTime),
}

impl NewScheduled {
    /// When an entry that is committed at `now` is due, and the depth that its event has;
    /// `None` where that is beyond [`SCHEDULE_HORIZON`].
    pub fn resolve(&self, now: WallTime) -> Option<(WallTime, u32)> {
        let due = match self.due {
            Due::After(delay) => now + delay,
            Due::At(due) => due.max(now),
        };
        let soon = now + CHAIN_GAP;
        if due > now + SCHEDULE_HORIZON {
            None
        } else if due >= soon {
            Some((due, 0))
        } else if self.depth < MAX_DEPTH {
            Some((due, self.depth + 1))
        } else {
            Some((soon, 0))
        }
    }
}

/// An entry of a schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scheduled {
    /// The handler.
    pub handler: HandlerName,
    /// Its key.
    pub key: String,
    /// When it is due. What is due so long after its commit is shown by the time of day as
    /// that stands now.
    pub due: WallTime,
    /// The event whose handling put it.
    pub cause: EventId,
    /// The idempotency key of the call that put it.
    pub call: String,
    /// The event's type.
    pub kind: String,
    /// The object that it is about.
    pub subject: Option<String>,
    /// The account of the event that put it.
    pub account: Option<String>,
    /// The depth that the event has.
    pub depth: u32,
    /// Its bytes.
    pub payload: Bytes,
}

impl Scheduled {
    /// The event that the entry becomes at `now`: the same one however often this is
    /// tried, but for the time of its recording.
    pub fn into_event(self, now: WallTime, address: &Address) -> NewEvent {
        let source = self.handler.as_source();
        let event = Event {
            id: EventId::derived(self.due, self.call.as_bytes()),
            source: source.clone(),
            provider_id: None,
            kind: self.kind,
            subject: self.subject,
            account: self.account,
            created: Some(self.due),
            received: now,
            headers: Headers::default(),
            metadata: vec![
                ("schedule".into(), self.key),
                ("cause".into(), self.cause.to_string()),
            ],
            depth: self.depth,
            payload: self.payload,
        };
        NewEvent {
            dedup: DedupKey::new(&source, &DedupBasis::SignedId(self.call)),
            also: Vec::new(),
            handlers: vec![address(self.handler, &event)],
            event,
        }
    }
}

/// What a look at the schedules came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fired {
    /// Events that were recorded.
    pub events: u64,
    /// When the next entry is due; it may be due already.
    pub next: Option<WallTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_millis(1_780_000_000_000);
    const MINUTE: Duration = Duration::from_secs(60);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn put(due: Due, depth: u32) -> NewScheduled {
        NewScheduled {
            call: "call".into(),
            due,
            kind: "later".into(),
            subject: None,
            account: None,
            depth,
            payload: Bytes::new(),
        }
    }

    #[test]
    fn what_is_due_later_begins_a_new_chain() {
        assert_eq!(
            put(Due::After(MINUTE), MAX_DEPTH).resolve(NOW),
            Some((NOW + MINUTE, 0))
        );
        assert_eq!(
            put(Due::At(NOW + MINUTE), 3).resolve(NOW),
            Some((NOW + MINUTE, 0))
        );
    }

    #[test]
    fn what_is_due_soon_is_a_link_and_chains_end() {
        let five = Duration::from_millis(5);
        let soon = Due::After(five);
        assert_eq!(put(soon, 0).resolve(NOW), Some((NOW + five, 1)));
        assert_eq!(
            put(soon, MAX_DEPTH).resolve(NOW),
            Some((NOW + MINUTE, 0)),
            "the last link waits for a minute"
        );
    }

    #[test]
    fn a_time_that_has_passed_is_now() {
        assert_eq!(
            put(Due::At(WallTime::from_millis(5)), 0).resolve(NOW),
            Some((NOW, 1))
        );
    }

    #[test]
    fn nothing_is_due_beyond_the_horizon() {
        assert!(put(Due::After(DAY * 400), 0).resolve(NOW).is_some());
        assert_eq!(put(Due::After(DAY * 401), 0).resolve(NOW), None);
        assert_eq!(put(Due::After(Duration::MAX), 0).resolve(NOW), None);
        assert_eq!(
            put(Due::At(WallTime::from_millis(u64::MAX)), 0).resolve(NOW),
            None
        );
    }
}
