//! The model of events that wait for their objects.

use super::keeping::{name_of, name_of_twins};
use super::state::*;
use super::steps::Answered;
use crate::conformance::*;
use tollgate_base::time::SteadyTime;

impl Model {
    /// Lets an event wait for its object, unless it does.
    pub(super) fn begin_resolving(&mut self, event: EventId, due: SteadyTime) {
        let order = self.order_of(event);
        let waits = Resolving {
            due,
            order,
            tries: 0,
        };
        self.resolving.entry(event).or_insert(waits);
        self.unasked.remove(&event);
    }

    /// An event waits no longer if all its deliveries have ended.
    pub(super) fn end_if_unneeded(&mut self, event: EventId) {
        let of = |row: &&Row| row.delivery.event.id == event;
        if self.deliveries.values().filter(of).any(Row::is_open) {
            return;
        }
        if self.resolving.remove(&event).is_some() && !self.told.contains_key(&event) {
            self.unasked.insert(event);
        }
    }

    /// An event that waited in vain waits again.
    pub(super) fn ask_after_all(&mut self, event: EventId, due: SteadyTime) {
        if self.unasked.contains(&event) {
            self.begin_resolving(event, due);
        }
    }

    /// A snapshot event takes the place of its thin twin, if the twin has no object.
    pub(super) fn take_place(&mut self, open: &Open, new: &NewEvent) {
        let EventForm::Snapshot(key) = new.form else {
            return;
        };
        let shared = name_of_twins(key);
        if new.handlers.is_empty() || self.name_of_known(&name_of(new)).is_some() {
            return;
        }
        let Some(thin) = self.aliases.get(&shared) else {
            return;
        };
        let event = self.known[thin].event.id;
        let rows = self.deliveries.iter();
        let rows = rows.filter(|(_, row)| row.delivery.event.id == event);
        let waits = self.resolving.contains_key(&event) && !self.told.contains_key(&event);
        let has_run = rows.clone().any(|(_, row)| !row.ran.is_empty());
        let nothing = self.told.get(&event).is_some_and(|told| told.is_empty());
        if !(waits && !has_run || nothing) {
            return;
        }
        let goes_to = |row: &Row| {
            new.handlers
                .iter()
                .any(|to| to.handler == row.delivery.handler)
        };
        let replaced = rows.filter(|(_, row)| waits && row.is_open() && goes_to(row));
        let replaced: Vec<i64> = replaced.map(|(seq, _)| *seq).collect();
        self.aliases.remove(&shared);
        for seq in replaced {
            let row = self.deliveries.get_mut(&seq).unwrap();
            (row.state, row.due) = (DeliveryState::Ignored, None);
            (row.finished, row.batch) = (now(open), None);
            self.leave(seq, steady(open));
            self.end_if_unneeded(event);
        }
    }

    pub(super) fn resolve(&mut self, open: &Open, which: usize, how: Answered) {
        let mut waiting: Vec<_> = self.resolving.iter().collect();
        waiting.sort_by_key(|(_, row)| row.order);
        let Some((&event, _)) = waiting.get(which % waiting.len().max(1)).copied() else {
            return;
        };
        let leased = open.lease_resolution(event);
        let (id, token) = (leased.lease.item(), leased.lease.token());
        let end = |end| TriedResolution {
            resolution: id,
            token,
            end,
        };
        let told = |object| Resolved {
            at: now(open),
            object,
            event: which.is_multiple_of(2).then_some(Told::Gone),
        };
        let resolved = match how {
            Answered::Found => told(Some(Told::Found(Bytes::from(format!("{{\"n\":{which}}}"))))),
            Answered::Gone => told(Some(Told::Gone)),
            Answered::Nothing => told(None),
            Answered::Later(wait) => return self.later(open, event, wait, end),
        };
        let settled = open.resolve(end(ResolutionEnd::Resolved {
            resolved: resolved.clone(),
            note: String::new(),
        }));
        assert_eq!(settled, ResolutionSettled::Committed);
        self.resolving.remove(&event);
        self.resolved += 1;
        self.resolved_gone += u64::from(matches!(how, Answered::Gone));
        let resolved = Arc::new(resolved);
        for row in self.deliveries.values_mut() {
            if row.delivery.event.id == event {
                row.delivery.resolved = Some(Arc::clone(&resolved));
            }
        }
        self.told.insert(event, resolved);
        self.unblock(event, steady(open));
    }

    fn later(
        &mut self,
        open: &Open,
        event: EventId,
        wait: u64,
        end: impl FnOnce(ResolutionEnd) -> TriedResolution,
    ) {
        let due = steady(open) + ms(wait);
        let settled = open.resolve(end(ResolutionEnd::Later {
            due,
            status: Some(500),
            error: "later".to_owned(),
            mend: false,
        }));
        assert_eq!(settled, ResolutionSettled::Committed);
        let row = self.resolving.get_mut(&event).unwrap();
        row.due = due;
        row.tries += 1;
    }

    pub(super) fn hasten(&mut self, open: &Open) {
        let now = steady(open);
        let mut changed = 0;
        for row in self.resolving.values_mut().filter(|row| row.due > now) {
            row.due = now;
            changed += 1;
        }
        let source = SourceName::new("stripe");
        assert_eq!(open.ledger.hasten_resolutions(&source, false), Ok(changed));
    }

    /// A claim finds those that are due, in order, and says when the next is.
    pub(super) fn check_resolving(&self, open: &Open) {
        let source = SourceName::new("stripe");
        for time in [steady(open), LATEST] {
            let mut rows: Vec<_> = self.resolving.iter().collect();
            rows.sort_by_key(|(_, row)| (row.due, row.order));
            let is_due = |row: &Resolving| row.due <= time;
            let due = rows.iter().filter(|(_, row)| is_due(row));
            let due: Vec<_> = due.map(|(event, row)| (**event, row.tries)).collect();
            let mut later = rows.iter().filter(|(_, row)| !is_due(row));
            let claimed = open
                .ledger
                .claim_resolutions(&source, time, 10_000)
                .unwrap();
            let found = claimed.leased.iter();
            let found: Vec<_> = found
                .map(|found| (found.resolution.event.id, found.resolution.tries))
                .collect();
            assert_eq!(found, due);
            assert_eq!(claimed.next, later.next().map(|(_, row)| row.due));
        }
    }
}
