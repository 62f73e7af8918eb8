//! Events that handlers schedule for themselves: writes, and entries that wait.

use std::time::Duration;

use bytes::Bytes;

use crate::{LedgerError, NewEvent, Recipient};
use tollgate_base::event::{DedupBasis, DedupKey, Event, EventId, HandlerName, Headers, MAX_DEPTH};
use tollgate_base::time::WallTime;

/// Records the events that handlers have scheduled, in two steps: the caller reads the entries
/// that are due, finds the recipient of each event, and has the entries fired.
pub trait ScheduleStore: Send + Sync + 'static {
    /// Reads the entries that are due at `now`: a bounded number, earliest first.
    fn due(&self, now: WallTime) -> Result<DueEntries, LedgerError>;

    /// Turns entries that [`due`](Self::due) has read into events that are received at `now`,
    /// each with a delivery to its recipient, in one transaction. An entry goes in the
    /// transaction that records its event, so each event is recorded once, however many
    /// gateways fire the entry. Leaves out entries that are gone or have changed since they
    /// were read. Blocks until the events are durable.
    fn fire(
        &self,
        now: WallTime,
        entries: Vec<(DueEntry, Recipient)>,
    ) -> Result<Fired, LedgerError>;
}

/// How far ahead an entry may be due: more than a year, so that yearly events fit.
pub const SCHEDULE_HORIZON: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// An entry that is due sooner than this counts as emitted by the event that put it. So a handler
/// that schedules itself again and again cannot run hot.
const CHAIN_GAP: Duration = Duration::from_secs(60);

/// A change to the entry of one key of a handler's schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScheduleWrite {
    /// Puts this entry, in place of an earlier entry of the key.
    Put(NewScheduled),
    /// Removes the entry.
    Cancel,
}

/// An event for later, as a handler put it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewScheduled {
    /// The idempotency key of the call that put the entry. The event's id comes from it.
    pub call: String,
    /// The due time.
    pub due: Due,
    /// The event's type.
    pub kind: String,
    /// The object that the event is about.
    pub subject: Option<String>,
    /// The account of the event that put the entry.
    pub account: Option<String>,
    /// The depth of the event that put the entry.
    pub depth: u32,
    /// The event's bytes.
    pub payload: Bytes,
}

/// The due time of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// This long after the commit.
    After(Duration),
    /// At this time of day; at once if that has passed.
    At(WallTime),
}

impl NewScheduled {
    /// The due time of an entry that is committed at `now`, and the depth of its event; `None` if
    /// the due time is beyond [`SCHEDULE_HORIZON`].
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
    /// The key.
    pub key: String,
    /// The due time. A time after the commit is shown by the time of day as it stands now.
    pub due: WallTime,
    /// The event whose handling put the entry.
    pub cause: EventId,
    /// The idempotency key of the call that put the entry.
    pub call: String,
    /// The event's type.
    pub kind: String,
    /// The object that the event is about.
    pub subject: Option<String>,
    /// The account of the event that put the entry.
    pub account: Option<String>,
    /// The depth of the event.
    pub depth: u32,
    /// The event's bytes.
    pub payload: Bytes,
}

impl Scheduled {
    /// The event that the entry becomes when it is fired at `now`. All but the time of receipt
    /// is the same however often the entry is fired.
    pub fn event(&self, now: WallTime) -> Event {
        Event {
            id: EventId::derived(self.due, self.call.as_bytes()),
            source: self.handler.as_source(),
            provider_id: None,
            kind: self.kind.clone(),
            subject: self.subject.clone(),
            account: self.account.clone(),
            created: Some(self.due),
            received: now,
            headers: Headers::default(),
            metadata: vec![
                ("schedule".into(), self.key.clone()),
                ("cause".into(), self.cause.to_string()),
            ],
            depth: self.depth,
            payload: self.payload.clone(),
        }
    }

    /// The same event, ready to be recorded with a delivery to `recipient`.
    pub fn new_event(&self, now: WallTime, recipient: Recipient) -> NewEvent {
        let event = self.event(now);
        NewEvent {
            dedup: DedupKey::new(&event.source, &DedupBasis::SignedId(self.call.clone())),
            more_dedup: Vec::new(),
            equal_bytes: crate::EqualBytes::SameFact,
            handlers: vec![recipient],
            form: crate::EventForm::Whole,
            event,
        }
    }
}

/// The version of an entry: another one after each change, and for each entry of the same key.
/// The engine that reads an entry makes its version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EntryVersion(pub i64);

/// An entry that is due, as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueEntry {
    /// The entry.
    pub entry: Scheduled,
    /// Its version.
    pub version: EntryVersion,
}

/// The entries that are due, as they were read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DueEntries {
    /// The first entries that are due, earliest first.
    pub entries: Vec<DueEntry>,
    /// When the next entry is due that is not among `entries`; it may be due already. `None`
    /// if there is no other entry.
    pub next: Option<WallTime>,
}

/// The result of firing entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fired {
    /// Events that were recorded. An entry whose event is known already, from an earlier run
    /// with the same idempotency keys, goes without a new event.
    pub events: u64,
    /// Entries that were left out, because they are gone or have changed since they were read.
    pub left_out: u64,
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
