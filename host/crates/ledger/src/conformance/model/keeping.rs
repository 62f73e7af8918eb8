//! The model of what is kept: events until they are pruned, payloads until they are erased,
//! keys until they are forgotten.

use std::time::Duration;

use super::state::*;
use crate::conformance::*;
use tollgate_base::event::DedupKey;
use tollgate_base::time::WallTime;

const HOUR: Duration = Duration::from_secs(3600);

/// The retention settings of a sweep in a history.
pub(super) fn policy(which: u8) -> Arc<Retention> {
    let hours = |hours: u32| HOUR * hours;
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

impl Model {
    /// The expected result of recording an event.
    pub(super) fn expect(&mut self, open: &Open, new: &NewEvent) -> Recorded {
        self.take_place(open, new);
        let name = name_of(new);
        let further = further_names(new);
        let mut names = std::iter::once(&name).chain(&further);
        let Some(known) = names.find_map(|name| self.name_of_known(name)) else {
            let aliases = further.into_iter().map(|alias| (alias, name.clone()));
            self.aliases.extend(aliases);
            self.learn(name, new);
            return Recorded::New(new.event.id);
        };
        for name in std::iter::once(name).chain(further) {
            if self.name_of_known(&name).is_none() {
                self.aliases.insert(name, known.clone());
            }
        }
        let known = self.known.get_mut(&known).unwrap();
        known.last = now(open);
        Recorded::Duplicate {
            first: (known.left != Left::Key).then_some(known.event.id),
            same_bytes: true,
        }
    }

    /// The name under which the event of a name is known.
    pub(super) fn name_of_known(&self, name: &str) -> Option<String> {
        match self.known.contains_key(name) {
            true => Some(name.to_owned()),
            false => self.aliases.get(name).cloned(),
        }
    }

    /// Nothing of an event is left.
    fn forget(&mut self, name: &str) {
        self.known.remove(name);
        self.aliases.retain(|_, of| of != name);
    }

    /// Whether an event that came of handling another is new.
    pub(super) fn expect_derived(&mut self, new: &NewEvent) -> bool {
        let name = name_of(new);
        let is_new = !self.known.contains_key(&name);
        if is_new {
            self.learn(name, new);
        }
        is_new
    }

    /// Notes an event that is new, with its deliveries.
    fn learn(&mut self, name: String, new: &NewEvent) {
        self.recorded += 1;
        let event = Arc::new(new.event.clone());
        let known = Known {
            event: Arc::clone(&event),
            order: self.recorded,
            last: event.received,
            unrouted: new.handlers.is_empty(),
            erased: false,
            left: Left::All,
        };
        let order = known.order;
        assert!(self.known.insert(name, known).is_none());
        if new.form == EventForm::Thin && !new.handlers.is_empty() {
            let due = AS_ONE.steady(event.received);
            let tries = 0;
            let waits = Resolving { due, order, tries };
            self.resolving.insert(event.id, waits);
        }
        self.come(&event, &new.handlers);
    }

    /// The questions and the answers about an event are erased with the payload of the event.
    fn forget_told(&mut self, event: EventId) {
        self.resolving.remove(&event);
        self.unasked.remove(&event);
        self.told.remove(&event);
    }

    /// The name of an event.
    pub(super) fn nth_known(&self, which: usize) -> Option<String> {
        let many = self.known.len().max(1);
        self.known.keys().nth(which % many).cloned()
    }

    pub(super) fn has_payload(&self, id: EventId) -> bool {
        let mut known = self.known.values();
        known.any(|known| known.event.id == id && known.refusal().is_none())
    }

    pub(super) fn erase(&mut self, open: &Open, which: usize) {
        let Some(name) = self.nth_known(which) else {
            return;
        };
        let known = self.known[&name].clone();
        let expected = match self.ended(&known) {
            _ if known.left != Left::All => Erased::Unknown,
            None => Erased::StillDue,
            Some(_) => Erased::Done,
        };
        assert_eq!(open.ledger.erase(known.event.id).unwrap(), expected);
        if expected == Erased::Done {
            self.erased += u64::from(!known.erased);
            self.known.get_mut(&name).unwrap().erased = true;
            self.forget_told(known.event.id);
        }
    }

    pub(super) fn sweep(&mut self, open: &Open, hours: u8, which: u8) {
        let now = now(open) + HOUR * hours.into();
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
                self.forget(name);
                expected.forgotten += 1;
            }
        }
        assert_eq!(open.sweep_at(now, &policy), expected);
        self.forget_newest(open);
        self.pruned += expected.pruned;
        self.erased += expected.erased;
    }

    /// What is the newest of a key is forgotten once all is gone that came before the last
    /// event of the key, and nothing of it is to run.
    fn forget_newest(&mut self, open: &Open) {
        let kept = self.known.values().filter(|known| known.left == Left::All);
        let oldest = kept.map(|known| known.order).min().unwrap_or(usize::MAX);
        let deliveries = &self.deliveries;
        let counts = |key: &OrderKey| {
            let mut rows = deliveries.values();
            rows.any(|row| row.delivery.key == Some(*key) && row.place.is_some())
        };
        let forgotten = self
            .newest
            .extract_if(.., |(key, _, last)| *last < oldest && !counts(key));
        for (key, ..) in forgotten {
            assert_eq!(open.ledger.newest(&key).unwrap(), None);
        }
    }

    /// The place of an event in the order of arrival.
    pub(super) fn order_of(&self, id: EventId) -> usize {
        let mut known = self.known.values();
        let known = known.find(|known| known.event.id == id);
        known.expect("an event with a delivery is known").order
    }

    fn erase_due(&mut self, policy: &Retention, now: WallTime) -> u64 {
        let mut erased = 0;
        let names: Vec<_> = self.known.keys().cloned().collect();
        for name in names {
            let known = &self.known[&name];
            let Some(erasure) = policy.erasure(source_of(&name)) else {
                continue;
            };
            let after = erasure.after;
            let has_dead = self.deliveries.values().any(|row| {
                row.delivery.event.id == known.event.id && row.state == DeliveryState::Dead
            });
            if known.left == Left::All
                && !known.erased
                && !has_dead
                && self.ended(known).is_some_and(|ended| ended + after <= now)
            {
                let known = self.known.get_mut(&name).unwrap();
                known.erased = true;
                let event = known.event.id;
                self.forget_told(event);
                erased += 1;
            }
        }
        erased
    }

    fn prune(&mut self, policy: &Retention, name: &str, now: WallTime) -> bool {
        let known = self.known[name].clone();
        let keep = policy.events.unwrap();
        let ended = self.ended(&known);
        if known.left != Left::All || ended.is_none_or(|ended| ended + keep > now) {
            return false;
        }
        let id = known.event.id;
        self.deliveries.retain(|_, row| row.delivery.event.id != id);
        self.forget_told(id);
        let requested = self.requested.extract_if(.., |_, row| row.0 == id);
        for (place, _) in requested {
            self.outbox.remove(&place);
        }
        self.known.get_mut(name).unwrap().left = Left::Row;
        if policy.keys(source_of(name)) == KeyRetention::Forever {
            self.known.get_mut(name).unwrap().left = Left::Key;
        } else if self.may_forget(policy, name, now) {
            self.forget(name);
        }
        true
    }

    fn may_forget(&self, policy: &Retention, name: &str, now: WallTime) -> bool {
        let known = &self.known[name];
        match policy.keys(source_of(name)) {
            KeyRetention::Forever => false,
            KeyRetention::For(period) => known.last + period <= now,
            KeyRetention::WhileEmittable => !self
                .known
                .values()
                .any(|other| other.left == Left::All && other.order < known.order),
        }
    }

    /// When an event ended, if it has. A delivery that holds others of its key has not.
    fn ended(&self, known: &Known) -> Option<WallTime> {
        let mut ended = known.event.received;
        for row in self.deliveries.values() {
            if row.delivery.event.id == known.event.id {
                if row.is_open() || row.place.is_some() {
                    return None;
                }
                ended = ended.max(row.finished);
            }
        }
        for (place, (event, settled)) in &self.requested {
            if *event == known.event.id {
                if self.outbox[place].state == OutboxState::Waiting {
                    return None;
                }
                ended = ended.max(*settled);
            }
        }
        Some(ended)
    }

    pub(super) fn check_kept(&self, open: &Open, counts: &Counts) {
        let kept = || self.known.values().filter(|known| known.left == Left::All);
        assert_eq!(counts.events, kept().count() as u64);
        let unrouted = kept().filter(|known| known.unrouted).count();
        assert_eq!(counts.unrouted, unrouted as u64);
        assert_eq!(counts.pruned, self.pruned);
        assert_eq!(counts.erased, self.erased);
        assert_eq!(counts.resolving, self.resolving.len() as u64);
        assert_eq!(counts.resolved, self.resolved);
        assert_eq!(counts.resolved_gone, self.resolved_gone);
        let oldest = kept().min_by_key(|known| known.order);
        assert_eq!(counts.oldest, oldest.map(|known| known.event.received));
        for n in 0..3 {
            let component = ComponentDigest([n; 32]);
            let named = self
                .deliveries
                .values()
                .any(|row| row.ran.contains(&component));
            assert_eq!(open.ledger.is_named(component).unwrap(), named);
        }
    }
}

/// The name by which duplicates of an event are known, with its source.
pub(super) fn name_of(new: &NewEvent) -> String {
    format!("{}/{:?}", new.event.source, new.dedup)
}

/// The further names by which duplicates of an event are known.
fn further_names(new: &NewEvent) -> Vec<String> {
    let twin = match new.form {
        EventForm::Snapshot(key) => Some(key),
        EventForm::Whole | EventForm::Thin => None,
    };
    let keys = new.more_dedup.iter().copied().chain(twin);
    keys.map(name_of_twins).collect()
}

/// The name that twins share.
pub(super) fn name_of_twins(key: DedupKey) -> String {
    format!("twins/{key:?}")
}

fn source_of(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}
