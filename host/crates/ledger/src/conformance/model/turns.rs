//! The model of deliveries, and of turns among the deliveries of one order key.

use super::state::*;
use crate::conformance::*;
use tollgate_base::time::{SteadyTime, WallTime};

impl Model {
    /// The delivery that was the first to come of those that count for a key.
    fn first_of(&self, key: OrderKey) -> Option<i64> {
        let mut counts = self
            .deliveries
            .iter()
            .filter(|(_, row)| row.delivery.key == Some(key) && row.place.is_some());
        counts.next().map(|(place, _)| *place)
    }

    /// Deliveries of an event that has just been recorded.
    pub(super) fn come(&mut self, event: &Arc<Event>, to: &[Recipient]) {
        for recipient in to {
            self.add(event, recipient, 0, event.received);
        }
    }

    /// One more delivery, in this run of it.
    pub(super) fn add(&mut self, event: &Arc<Event>, to: &Recipient, run: u32, since: WallTime) {
        self.last += 1;
        let before = to.key.and_then(|key| self.first_of(key));
        let place = match (self.resolving.contains_key(&event.id), to.key, before) {
            (true, ..) | (_, Some(_), Some(_)) => Some(Place::Behind),
            (_, Some(_), None) => Some(Place::First),
            (_, None, _) => None,
        };
        // A delivery is held that arrives for an absent handler and would be handed to nobody.
        let absent = |present: &Vec<HandlerName>| !present.contains(&to.handler);
        let is_away = place == Some(Place::Behind)
            && (self.present.as_ref().is_some_and(absent)
                || before.is_some_and(|row| self.deliveries[&row].state == DeliveryState::Held));
        let state = match is_away && run == 0 {
            true => DeliveryState::Held,
            false => DeliveryState::Pending,
        };
        let delivery = Delivery {
            id: DeliveryId(self.last),
            handler: to.handler.clone(),
            event: Arc::clone(event),
            resolved: self.told.get(&event.id).cloned(),
            attempts: 0,
            uncounted: 0,
            run,
            keys: run,
            component: None,
            answers: None,
            crashes: 0,
            key: to.key,
            since,
        };
        if place != Some(Place::Behind) {
            self.handed.push(seen(&delivery));
        }
        let row = Row {
            delivery,
            state,
            due: None,
            place,
            finished: WallTime::EPOCH,
            ran: Vec::new(),
            broke: Vec::new(),
            cancelled: false,
            batch: None,
        };
        self.deliveries.insert(self.last, row);
    }

    /// A delivery counts no more for the order of its key.
    pub(super) fn leave(&mut self, seq: i64, now: SteadyTime) {
        let row = self.deliveries.get_mut(&seq).unwrap();
        let (place, key, event) = (row.place.take(), row.delivery.key, row.delivery.event.id);
        if place.is_some() {
            let event = self.order_of(event);
            let newest = self.newest.iter_mut().find(|(of, ..)| Some(*of) == key);
            if let Some((.., last)) = newest {
                *last = event.max(*last);
            }
        }
        if let (Some(_), Some(key)) = (place, key) {
            self.fill(key, now);
        }
    }

    /// Makes the first of a line its head, if the line has none and the first does not wait for its
    /// object.
    fn fill(&mut self, key: OrderKey, now: SteadyTime) {
        let mut line = self.deliveries.values();
        let is_head = |row: &Row| row.delivery.key == Some(key) && row.place == Some(Place::First);
        if line.any(is_head) {
            return;
        }
        if let Some(first) = self.first_of(key)
            && !self.waits(first)
        {
            self.release(first, Some(Place::First), now);
        }
    }

    /// Whether the event of a delivery waits for its object.
    pub(super) fn waits(&self, seq: i64) -> bool {
        let event = self.deliveries[&seq].delivery.event.id;
        self.resolving.contains_key(&event)
    }

    fn release(&mut self, seq: i64, place: Option<Place>, now: SteadyTime) {
        let row = self.deliveries.get_mut(&seq).unwrap();
        row.place = place;
        if row.state == DeliveryState::Pending {
            row.due = Some(now);
            self.released.push(seen(&row.delivery));
        } else {
            row.due = None;
        }
    }

    /// The deliveries of an event that was resolved may run, each in its turn.
    pub(super) fn unblock(&mut self, event: EventId, now: SteadyTime) {
        let blocked: Vec<_> = self
            .deliveries
            .iter()
            .filter(|(_, row)| row.delivery.event.id == event && row.is_behind())
            .map(|(seq, row)| (*seq, row.delivery.key))
            .collect();
        for (seq, key) in blocked {
            match key {
                Some(key) => self.fill(key, now),
                None => self.release(seq, None, now),
            }
        }
    }

    /// A delivery that had ended is to run again.
    pub(super) fn come_back(&mut self, seq: i64, now: SteadyTime) {
        let key = self.deliveries[&seq].delivery.key;
        let waits = self.waits(seq);
        let taken = key.is_some_and(|key| self.first_of(key).is_some());
        let row = self.deliveries.get_mut(&seq).unwrap();
        if !waits && (key.is_none() || row.place.is_some()) {
            return;
        }
        row.place = Some(Place::First);
        if waits || taken {
            row.place = Some(Place::Behind);
            (row.state, row.due) = (DeliveryState::Pending, None);
            if let Some(key) = key {
                self.fill(key, now);
            }
        }
    }

    pub(super) fn hold(&mut self, open: &Open, present: &[&str]) {
        use DeliveryState::{Held, Pending, Retrying};
        let (mut held, mut released) = (0, 0);
        for row in self.deliveries.values_mut() {
            let is_present = present.contains(&row.delivery.handler.as_str());
            match row.state {
                Pending | Retrying if !is_present => {
                    (row.state, row.due) = (Held, None);
                    held += 1;
                }
                Held if is_present => {
                    (row.state, row.due) = (Pending, None);
                    released += 1;
                }
                _ => {}
            }
        }
        assert_eq!(open.serve(present), (held, released));
        self.present = Some(present.iter().map(|name| handler(name)).collect());
    }

    /// Whether a delivery is under way, and no claim may find it.
    pub(super) fn is_kept(&self, delivery: DeliveryId) -> bool {
        let row = &self.deliveries.get(&delivery.0);
        row.is_some_and(|row| matches!(row.state, DeliveryState::Held | DeliveryState::Running))
    }

    /// One of the deliveries that can be leased.
    fn leasable(&self, open: &Open, which: usize) -> Option<i64> {
        let place = self.nth_in_turn(which)?;
        let delivery = &self.deliveries[&place].delivery;
        let leased = open.leases(delivery.id, &delivery.handler);
        leased.then_some(place)
    }

    pub(super) fn run_alone(&mut self, open: &Open, which: usize) {
        use DeliveryState::{Pending, Retrying, Running};
        let Some(place) = self.leasable(open, which) else {
            return;
        };
        open.under(DeliveryId(place), |lease| open.ledger.start_alone(lease))
            .unwrap();
        let row = self.deliveries.get_mut(&place).unwrap();
        if matches!(row.state, Pending | Retrying) {
            (row.state, row.due) = (Running, None);
        }
    }

    pub(super) fn give_up(&mut self, open: &Open, which: usize, holds: bool) {
        use DeliveryState::{Dead, Held};
        let Some(place) = self.leasable(open, which) else {
            return;
        };
        let turn = OrderEffect {
            blocks_when_dead: holds,
            rank: None,
        };
        open.give_up(&self.deliveries[&place].delivery, turn);
        let row = self.deliveries.get_mut(&place).unwrap();
        if row.has_ended() || row.state == Held {
            return;
        }
        (row.state, row.due, row.finished) = (Dead, None, now(open));
        if !holds {
            self.leave(place, steady(open));
        }
    }

    pub(super) fn release_order_keys(&mut self, open: &Open, of: &[&str]) {
        let mut passed = 0;
        for name in of {
            let holding: Vec<i64> = self
                .deliveries
                .iter()
                .filter(|(_, row)| row.is_of(name, DeliveryState::Dead) && row.place.is_some())
                .map(|(place, _)| *place)
                .collect();
            passed += holding.len() as u64;
            for place in holding {
                self.leave(place, steady(open));
            }
        }
        let of: Vec<_> = of.iter().map(|name| handler(name)).collect();
        assert_eq!(open.ledger.release_order_keys(&of).unwrap(), passed);
    }

    /// A clean end makes due again what was to run alone.
    pub(super) fn release_claimed(&mut self, now: SteadyTime) {
        for row in self.deliveries.values_mut() {
            if row.state == DeliveryState::Running {
                (row.state, row.due) = (DeliveryState::Retrying, Some(now));
            }
        }
    }

    /// An unclean end counts an attempt for each delivery that was under way.
    pub(super) fn crash(&mut self, open: Open, engine: &dyn Engine, running: &[usize]) -> Open {
        use DeliveryState::{Pending, Retrying, Running};
        let mut running: Vec<_> = running.iter().filter_map(|n| self.nth(*n)).collect();
        running.retain(|place| {
            let delivery = &self.deliveries[place].delivery;
            let leased = open.leases(delivery.id, &delivery.handler);
            if leased {
                open.under(delivery.id, |lease| open.ledger.started(lease));
            }
            leased
        });
        let (now, clock) = (steady(&open), open.clock.clone());
        engine.crash(open.ledger);
        let open = Open::with(engine, clock);
        self.present = None;
        for (place, row) in &mut self.deliveries {
            // One that stands behind another is under way in an earlier run, if at all.
            let marked = running.contains(place) && !row.is_behind();
            if row.state == Running || marked && matches!(row.state, Pending | Retrying) {
                row.delivery.attempts += 1;
                row.delivery.crashes += 1;
                (row.state, row.due) = (Retrying, Some(now));
            }
        }
        open
    }

    /// The place of a delivery.
    pub(super) fn nth(&self, which: usize) -> Option<i64> {
        let many = self.deliveries.len().max(1);
        self.deliveries.keys().nth(which % many).copied()
    }

    /// The same, of one that is under way or could be; mostly one that has not ended.
    pub(super) fn nth_in_turn(&self, which: usize) -> Option<i64> {
        let in_turn: Vec<_> = self
            .deliveries
            .iter()
            .filter(|(_, row)| !row.is_behind() && (row.is_open() || which.is_multiple_of(8)))
            .map(|(place, _)| *place)
            .collect();
        in_turn.get(which % in_turn.len().max(1)).copied()
    }

    /// New deliveries that may run, in the order of arrival.
    pub(super) fn pending<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Row> {
        let rows = self.deliveries.values();
        rows.filter(move |row| {
            row.is_of(name, DeliveryState::Pending) && row.due.is_none() && !row.is_behind()
        })
    }

    /// Other deliveries that may run at this time, in order. Released deliveries may run at any
    /// time.
    pub(super) fn due(&self, name: &str, time: SteadyTime) -> Vec<Seen> {
        let mut due = Vec::new();
        for state in [DeliveryState::Pending, DeliveryState::Retrying] {
            let mut rows: Vec<_> = self
                .deliveries
                .values()
                .filter(|row| row.is_of(name, state) && row.due.is_some())
                .filter(|row| state == DeliveryState::Pending || row.due <= Some(time))
                .collect();
            rows.sort_by_key(|row| (row.due, row.delivery.id.0));
            due.extend(rows.into_iter().map(|row| seen(&row.delivery)));
        }
        due
    }

    /// What the sink was given by the last step, and the newest facts that there are now.
    pub(super) fn check_turns(&mut self, open: &Open) {
        let handed: Vec<_> = open.sink.deliveries().iter().map(seen).collect();
        assert_eq!(handed, std::mem::take(&mut self.handed));
        let released: Vec<_> = open.sink.released().iter().map(seen).collect();
        assert_eq!(released, std::mem::take(&mut self.released));
        for (key, rank, _) in &self.newest {
            assert_eq!(open.ledger.newest(key).unwrap(), Some(*rank));
        }
    }

    pub(super) fn check_backlog(&self, open: &Open) {
        use DeliveryState::{Pending, Retrying, Running};
        let now = now(open);
        let mut oldest = Vec::new();
        for name in HANDLERS {
            if self.paused.contains_key(name) {
                continue;
            }
            oldest.extend(self.pending(name).next().map(|row| row.delivery.since));
            let rows = self.deliveries.values();
            let rows = rows.filter(|row| row.is_of(name, Pending) || row.is_of(name, Retrying));
            let due = rows.filter_map(|row| row.due.map(|due| AS_ONE.wall(due)));
            oldest.extend(due.filter(|due| *due <= now));
        }
        let resolving = self.resolving.values().map(|row| AS_ONE.wall(row.due));
        oldest.extend(resolving.filter(|due| *due <= now));
        let waits = |row: &&Row| matches!(row.state, Pending | Running | Retrying);
        let requests = self.outbox.values();
        let expected = Backlog {
            deliveries: self.deliveries.values().filter(waits).count() as u64,
            requests: requests
                .filter(|row| row.state == OutboxState::Waiting)
                .count() as u64,
            oldest: oldest.into_iter().min(),
        };
        assert_eq!(open.ledger.backlog(now).unwrap(), expected);
    }
}
