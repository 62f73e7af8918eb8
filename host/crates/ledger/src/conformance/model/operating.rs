//! The model of what operators do.

use super::state::*;
use super::steps::*;
use crate::conformance::*;

fn asked(action: Action, batch: Option<String>) -> Intervention {
    Intervention {
        action,
        who: "test".to_owned(),
        why: String::new(),
        batch,
    }
}

impl Model {
    pub(super) fn operate(
        &mut self,
        open: &Open,
        which: &[usize],
        what: Operation,
        batch: Option<u8>,
    ) {
        let seqs: Vec<_> = which
            .iter()
            // A place that was never given, now and then.
            .map(|which| match which.is_multiple_of(20) {
                true => 0,
                false => self.nth(*which).unwrap_or(0),
            })
            .collect();
        let deliveries = seqs.iter().map(|seq| DeliveryId(*seq)).collect();
        let action = match what {
            Operation::Retry => Action::Retry(deliveries),
            Operation::Cancel => Action::Cancel(deliveries),
            Operation::Replay(keys, component, refetch) => Action::Replay {
                deliveries,
                keys,
                component,
                refetch: match refetch {
                    true => Some(vec![SourceName::new("stripe")]),
                    false => None,
                },
            },
        };
        let batch = batch.map(|batch| batch.to_string());
        let came = open.ledger.intervene(asked(action, batch.clone())).unwrap();
        let expected: Vec<_> = seqs
            .into_iter()
            .map(|seq| self.act(open, seq, what, batch.as_ref()))
            .collect();
        assert_eq!(came, expected);
    }

    fn act(
        &mut self,
        open: &Open,
        seq: i64,
        what: Operation,
        batch: Option<&String>,
    ) -> Intervened {
        let Some(row) = self.deliveries.get(&seq) else {
            return Intervened::Missing;
        };
        if batch.is_some() && row.batch.as_ref() == batch {
            return Intervened::Before;
        }
        let came = match what {
            Operation::Retry => self.retry(open, seq),
            Operation::Cancel => self.cancel(open, seq),
            Operation::Replay(keys, component, refetch) => {
                self.replay(open, seq, (keys, component), refetch)
            }
        };
        if came == Intervened::Done {
            self.deliveries.get_mut(&seq).unwrap().batch = batch.cloned();
        }
        came
    }

    pub(super) fn operate_request(&mut self, open: &Open, which: usize, again: bool) {
        let places: Vec<i64> = self.outbox.keys().copied().collect();
        let place = which
            .checked_rem(places.len())
            .map_or(1_000_000, |at| places[at]);
        let id = RequestId(place);
        let action = match again {
            true => Action::RetryRequests(vec![id]),
            false => Action::CancelRequests(vec![(id, None)]),
        };
        let came = open.ledger.intervene(asked(action, None)).unwrap();
        let Some(row) = self.outbox.get(&place).cloned() else {
            return assert_eq!(came, [Intervened::Missing]);
        };
        let of = self.requested[&place];
        let first = self.firsts().any(|first| first == place);
        let expected = match (row.state, again) {
            (OutboxState::Waiting, true) => Intervened::Done,
            (OutboxState::Waiting, false) => {
                let row = self.outbox.get_mut(&place).unwrap();
                (row.state, row.cancelled) = (OutboxState::Dead, true);
                self.requested.get_mut(&place).unwrap().1 = now(open);
                self.check_released(open, place, first);
                Intervened::Done
            }
            (OutboxState::Dead, true) if !self.has_payload(of.0) => Intervened::Erased,
            (OutboxState::Dead, true) => {
                let [Intervened::Queued(id)] = came[..] else {
                    panic!("it waits again: {came:?}");
                };
                assert!(!self.outbox.contains_key(&id.0), "a new id");
                self.requeue(open, place, id, row);
                self.requested.remove(&place);
                self.requested.insert(id.0, of);
                Intervened::Queued(id)
            }
            (state, _) => Intervened::Request(state),
        };
        assert_eq!(came, [expected]);
    }

    fn requeue(&mut self, open: &Open, place: i64, id: RequestId, row: Asked) {
        let tries = row.tries;
        let asked = Asked {
            state: OutboxState::Waiting,
            requeued: row.requeued + 1,
            cancelled: false,
            ..row
        };
        self.outbox.remove(&place);
        self.outbox.insert(id.0, asked);
        let first = self.firsts().any(|first| first == id.0);
        let handed = open.sink.requests();
        assert_eq!(
            handed.len(),
            usize::from(first),
            "it is handed out in its turn"
        );
        for request in handed {
            assert_eq!((request.id, request.requeued.tries_before), (id, tries));
        }
    }

    /// Checks that the next request of the order key is handed out if this one has ended and was
    /// the first.
    pub(super) fn check_released(&self, open: &Open, place: i64, was_first: bool) {
        let ended = &self.outbox[&place];
        let makes_way = was_first && ended.state != OutboxState::Waiting;
        let next = self.firsts().find(|first| {
            let row = &self.outbox[first];
            row.handler == ended.handler && row.order_key == ended.order_key
        });
        let next = next.filter(|_| makes_way && ended.order_key.is_some());
        let handed = open.sink.requests();
        let handed: Vec<_> = handed.iter().map(|request| request.id.0).collect();
        assert!(handed.into_iter().eq(next));
    }

    pub(super) fn reschedule(&mut self, open: &Open, which: usize, run: bool) {
        let slots: Vec<_> = self.schedule.keys().cloned().collect();
        let slot = which.checked_rem(slots.len()).map(|at| slots[at].clone());
        let (of, key) = slot.clone().unwrap_or(("a".into(), "none".into()));
        let action = match run {
            true => Action::RunScheduled(handler(&of), key),
            false => Action::CancelScheduled(handler(&of), key),
        };
        let came = open.ledger.intervene(asked(action, None)).unwrap();
        let Some(slot) = slot else {
            return assert_eq!(came, [Intervened::Missing]);
        };
        assert_eq!(came, [Intervened::Done]);
        if run {
            self.schedule.get_mut(&slot).unwrap().1.due = now(open);
            assert_eq!(open.sink.scheduled(), Some(now(open)));
        } else {
            self.schedule.remove(&slot);
        }
    }

    fn retry(&mut self, open: &Open, seq: i64) -> Intervened {
        let row = &self.deliveries[&seq];
        if row.state == DeliveryState::Pending
            && let Some(waits) = self.resolving.get_mut(&row.delivery.event.id)
        {
            waits.due = waits.due.min(steady(open));
            return Intervened::Done;
        }
        let row = self.deliveries.get_mut(&seq).unwrap();
        if row.state != DeliveryState::Retrying {
            return Intervened::State(row.state);
        }
        row.due = Some(steady(open));
        Intervened::Done
    }

    fn cancel(&mut self, open: &Open, seq: i64) -> Intervened {
        let row = self.deliveries.get_mut(&seq).unwrap();
        let event = row.delivery.event.id;
        let holds = row.place.is_some();
        row.cancelled |= row.is_open() || holds;
        if row.is_open() {
            row.finished = now(open);
            (row.state, row.due) = (DeliveryState::Dead, None);
        } else if !holds {
            return Intervened::State(row.state);
        }
        self.leave(seq, steady(open));
        self.end_if_unneeded(event);
        Intervened::Done
    }

    fn replay(
        &mut self,
        open: &Open,
        seq: i64,
        (keys, component): (ReplayKeys, ReplayComponent),
        refetch: bool,
    ) -> Intervened {
        let row = &self.deliveries[&seq];
        if row.is_open() {
            return Intervened::State(row.state);
        }
        if !self.has_payload(row.delivery.event.id) {
            return Intervened::Erased;
        }
        let component = match component {
            ReplayComponent::Current => None,
            ReplayComponent::Recorded if row.ran.is_empty() => return Intervened::NoComponent,
            ReplayComponent::Recorded => row.ran.last().copied(),
        };
        let row = self.deliveries.get_mut(&seq).unwrap();
        (row.state, row.due) = (DeliveryState::Retrying, Some(steady(open)));
        (row.broke, row.cancelled) = (Vec::new(), false);
        let delivery = &mut row.delivery;
        (delivery.attempts, delivery.uncounted) = (0, 0);
        delivery.run += 1;
        if keys == ReplayKeys::New {
            delivery.keys = delivery.run;
        }
        delivery.component = component;
        delivery.since = now(open);
        let event = Arc::clone(&delivery.event);
        self.ask_after_all(event.id, steady(open));
        if refetch && event.source.as_str() == "stripe" {
            self.begin_resolving(event.id, steady(open));
        }
        self.come_back(seq, steady(open));
        Intervened::Done
    }

    pub(super) fn retry_uncounted(&mut self, open: &Open, of: u8, component: u8) {
        let name = HANDLERS[usize::from(of)];
        let component = ComponentDigest([component; 32]);
        let (now, due) = (now(open), steady(open));
        let mut retried = 0;
        let all: Vec<i64> = self.deliveries.keys().copied().collect();
        for seq in all {
            let row = self.deliveries.get_mut(&seq).unwrap();
            let waits = row.is_of(name, DeliveryState::Retrying) && row.due > Some(due);
            let dead = row.is_of(name, DeliveryState::Dead);
            let last = row.broke.last() == Some(&(row.delivery.attempts, component));
            if !(waits || dead) || !last || row.cancelled {
                continue;
            }
            let broke = row.broke.iter().filter(|(_, on)| *on == component);
            row.delivery.uncounted += broke.count() as u32;
            row.delivery.since = now;
            (row.state, row.due) = (DeliveryState::Retrying, Some(due));
            retried += 1;
            if dead {
                self.come_back(seq, due);
            }
        }
        assert_eq!(
            open.ledger
                .retry_uncounted(&handler(name), component)
                .unwrap(),
            retried
        );
    }

    pub(super) fn route(&mut self, open: &Open, which: usize, to: &[&str]) {
        let Some(name) = self.nth_known(which) else {
            return;
        };
        let known = self.known[&name].clone();
        let to = recipients(to, which as u8);
        let resolve = which.is_multiple_of(3) && known.event.source.as_str() == "stripe";
        let action = Action::Route(vec![RoutedAnew {
            event: Arc::clone(&known.event),
            handlers: to.clone(),
            resolve,
        }]);
        let came = open.ledger.intervene(asked(action, None)).unwrap();
        assert_eq!(came, [self.routed(open, &name, (&known, resolve), &to)]);
    }

    fn routed(
        &mut self,
        open: &Open,
        name: &str,
        (known, resolve): (&Known, bool),
        to: &[Recipient],
    ) -> Intervened {
        if let Some(refused) = known.refusal() {
            return refused;
        }
        let present: Vec<_> = self
            .deliveries
            .values()
            .filter(|row| row.delivery.event.id == known.event.id)
            .map(|row| (row.delivery.id.0, row.delivery.handler.clone(), row.state))
            .collect();
        let new: Vec<_> = to
            .iter()
            .filter(|to| present.iter().all(|(_, name, _)| *name != to.handler))
            .collect();
        if new.is_empty() {
            return Intervened::NoRoute;
        }
        if resolve && !self.told.contains_key(&known.event.id) {
            self.begin_resolving(known.event.id, steady(open));
        }
        self.ask_after_all(known.event.id, steady(open));
        for to in &new {
            self.add(&known.event, to, 1, now(open));
        }
        self.known.get_mut(name).unwrap().unrouted = false;
        for (seq, _, state) in present {
            if state == DeliveryState::Held {
                self.cancel(open, seq);
                self.deliveries.get_mut(&seq).unwrap().batch = None;
            }
        }
        Intervened::Routed(new.len())
    }
}
