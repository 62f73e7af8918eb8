//! The model of what is kept: events until they are pruned, payloads until they are erased,
//! keys until they are forgotten.

use std::time::Duration;

use super::*;

const HOUR: u64 = 3_600_000;

/// What the ledger should know of an event, by the name that makes it a duplicate.
#[derive(Clone, Debug)]
pub(super) struct Known {
    id: EventId,
    /// Its place in the order of arrival.
    order: usize,
    received: UnixMillis,
    /// When it last arrived.
    last: UnixMillis,
    unrouted: bool,
    erased: bool,
    left: Left,
}

/// What is left of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Left {
    /// All of it.
    All,
    /// Its row, for the time that its key has.
    Row,
    /// Its key.
    Key,
}

/// What a step of the model sweeps by.
pub(super) fn policy(which: u8) -> Arc<Retention> {
    let hours = |hours: u64| Duration::from_millis(hours * HOUR);
    let erasure = Erasure {
        after: hours(6),
        pointers: Vec::new(),
        logs: true,
    };
    let (events, keys, erase) = match which % 3 {
        0 => (24, Some(hours(48)), None),
        1 => (24, Some(hours(48)), Some(erasure)),
        _ => (5, None, None),
    };
    Arc::new(Retention {
        events: Some(hours(events)),
        sources: [(SourceName::new("stripe"), SourceRetention { keys, erase })].into(),
    })
}

pub(super) fn now(open: &Open) -> UnixMillis {
    crate::clock::Clock::now(&open.clock)
}

impl Model {
    /// What recording this comes to.
    pub(super) fn expect(&mut self, open: &Open, new: &NewEvent) -> Recorded {
        let name = name_of(&new.event.source, new.event.provider_id.as_deref());
        if let Some(known) = self.known.get_mut(&name) {
            known.last = now(open);
            return Recorded::Duplicate {
                first: (known.left != Left::Key).then_some(known.id),
                same_bytes: true,
            };
        }
        let unrouted = new.handlers.is_empty();
        self.learn(name, new.event.id, new.event.received, unrouted);
        Recorded::New(new.event.id)
    }

    /// What emitting this comes to: one that is known is passed over, and not even counted.
    pub(super) fn expect_emitted(&mut self, new: &NewEvent) {
        let name = name_of(&new.event.source, new.event.provider_id.as_deref());
        if !self.known.contains_key(&name) {
            let unrouted = new.handlers.is_empty();
            self.learn(name, new.event.id, new.event.received, unrouted);
        }
    }

    /// Notes an event that is new.
    pub(super) fn learn(
        &mut self,
        name: String,
        id: EventId,
        received: UnixMillis,
        unrouted: bool,
    ) {
        self.recorded += 1;
        let known = Known {
            id,
            order: self.recorded,
            received,
            last: received,
            unrouted,
            erased: false,
            left: Left::All,
        };
        assert!(self.known.insert(name, known).is_none());
    }

    pub(super) fn sweep(&mut self, open: &Open, hours: u8, which: u8) {
        let now = now(open) + u64::from(hours) * HOUR;
        let policy = policy(which);
        let mut expected = Swept {
            erased: self.erase_due(&policy, now),
            ..Swept::default()
        };
        let mut names: Vec<_> = self.known.keys().cloned().collect();
        names.sort_by_key(|name| self.known[name].order);
        for name in &names {
            if self.prune(&policy, name, now) {
                expected.pruned += 1;
            }
        }
        for name in &names {
            if let Some(known) = self.known.get(name)
                && known.left == Left::Row
                && self.may_forget(&policy, name, now)
            {
                self.known.remove(name);
                expected.forgotten += 1;
            }
        }
        assert_eq!(open.sweep_at(now, &policy), expected);
        self.pruned += expected.pruned;
        self.erased += expected.erased;
    }

    fn erase_due(&mut self, policy: &Retention, now: UnixMillis) -> u64 {
        let mut erased = 0;
        let names: Vec<_> = self.known.keys().cloned().collect();
        for name in names {
            let known = &self.known[&name];
            let Some(erasure) = policy.erasure(source_of(&name)) else {
                continue;
            };
            let after = erasure.after.as_millis() as u64;
            let has_dead = self
                .deliveries
                .values()
                .any(|row| row.0.event.id == known.id && row.1 == DeliveryState::Dead);
            if known.left == Left::All
                && !known.erased
                && !has_dead
                && self.ended(known).is_some_and(|ended| ended + after <= now)
            {
                self.known.get_mut(&name).unwrap().erased = true;
                erased += 1;
            }
        }
        erased
    }

    fn prune(&mut self, policy: &Retention, name: &str, now: UnixMillis) -> bool {
        let known = self.known[name].clone();
        let keep = policy.events.unwrap().as_millis() as u64;
        let ended = self.ended(&known);
        if known.left != Left::All || ended.is_none_or(|ended| ended + keep > now) {
            return false;
        }
        self.deliveries.retain(|_, row| row.0.event.id != known.id);
        let requested = self.requested.extract_if(.., |_, row| row.0 == known.id);
        for (place, _) in requested {
            self.outbox.remove(&place);
        }
        self.known.get_mut(name).unwrap().left = Left::Row;
        if policy.keys(source_of(name)) == Keys::Forever {
            self.known.get_mut(name).unwrap().left = Left::Key;
        } else if self.may_forget(policy, name, now) {
            self.known.remove(name);
        }
        true
    }

    fn may_forget(&self, policy: &Retention, name: &str, now: UnixMillis) -> bool {
        let known = &self.known[name];
        match policy.keys(source_of(name)) {
            Keys::Forever => false,
            Keys::For(period) => known.last + period.as_millis() as u64 <= now,
            Keys::WhileEmittable => !self
                .known
                .values()
                .any(|other| other.left == Left::All && other.order < known.order),
        }
    }

    /// When an event ended, if it has.
    fn ended(&self, known: &Known) -> Option<UnixMillis> {
        use DeliveryState::{Dead, Done, Ignored};
        let mut ended = known.received;
        for (place, row) in &self.deliveries {
            if row.0.event.id == known.id {
                if !matches!(row.1, Done | Ignored | Dead) {
                    return None;
                }
                ended = ended.max(self.finished[place]);
            }
        }
        for (place, (event, settled)) in &self.requested {
            if *event == known.id {
                if self.outbox[place].0 == OutboxState::Waiting {
                    return None;
                }
                ended = ended.max(*settled);
            }
        }
        Some(ended)
    }

    pub(super) fn check_kept(&self, counts: &Counts) {
        let kept = || self.known.values().filter(|known| known.left == Left::All);
        assert_eq!(counts.events, kept().count() as u64);
        let unrouted = kept().filter(|known| known.unrouted).count();
        assert_eq!(counts.unrouted, unrouted as u64);
        assert_eq!(counts.pruned, self.pruned);
        assert_eq!(counts.erased, self.erased);
        let oldest = kept().min_by_key(|known| known.order);
        assert_eq!(counts.oldest, oldest.map(|known| known.received));
    }
}

fn name_of(source: &SourceName, id: Option<&str>) -> String {
    format!("{source}/{}", id.unwrap_or_default())
}

fn source_of(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}
