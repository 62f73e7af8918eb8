//! The model of attempts: how they end, what they do, and what they put off until later.

use std::time::Duration;

use super::state::*;
use super::steps::*;
use crate::conformance::*;
use tollgate_base::time::WallTime;

impl Model {
    pub(super) fn complete(&mut self, open: &Open, n: usize, attempted: Attempted) {
        let which = attempted.which;
        let place = match which.is_multiple_of(8) {
            true => self.nth(which),
            false => self.nth_in_turn(which).or_else(|| self.nth(which)),
        };
        let Some(place) = place else { return };
        let row = self.deliveries[&place].clone();
        // Only an ended delivery gets a new run. So a delivery that runs alone is still in the run
        // that was leased.
        let is_alone = row.state == DeliveryState::Running;
        let late = attempted.late && row.delivery.run > 0 && !is_alone;
        let completion = self.completion(open, n, &row.delivery, &attempted, late);
        let (effects, order) = (completion.effects.clone(), completion.order);
        let (next, component) = (completion.next, completion.attempt.component);
        let broke = completion.attempt.outcome == AttemptOutcome::Trap;
        let number = completion.attempt.number;
        let ended =
            completion.attempt.started + Duration::from_micros(completion.attempt.duration_us);
        let leased = open.leases(row.delivery.id, &row.delivery.handler);
        assert!(leased || !row.may_run(), "{row:?}");
        let answer = open.complete(completion).unwrap();

        let key = row.delivery.key;
        let rank = order.rank.filter(|_| next == NextState::Done);
        let expected = if !leased {
            Completed::LeaseLost
        } else if late || row.is_behind() || row.has_ended() {
            Completed::Stale
        } else if attempted.stale || self.is_superseded(key.zip(rank)) {
            Completed::Conflict
        } else {
            Completed::Committed
        };
        assert_eq!(answer, expected);
        if expected != Completed::Committed {
            return;
        }
        if matches!(next, NextState::Done | NextState::Ignored) {
            self.apply(open, &row.delivery, effects);
        }
        if let Some((key, rank)) = key.zip(rank) {
            let event = self.order_of(row.delivery.event.id);
            let before = self.newest.iter().find(|(of, ..)| *of == key);
            let last = before.map_or(event, |(.., last)| event.max(*last));
            self.newest.retain(|(of, ..)| *of != key);
            self.newest.push((key, rank, last));
        }
        let row = self.deliveries.get_mut(&place).unwrap();
        row.ran.push(component);
        if broke {
            row.broke.push((number, component));
        }
        self.advance(open, place, next, ended, order);
    }

    /// The end of the delivery's next attempt, or of an attempt of its run before.
    fn completion(
        &self,
        open: &Open,
        n: usize,
        delivery: &Delivery,
        attempted: &Attempted,
        late: bool,
    ) -> Completion {
        let next = match attempted.ending {
            Ending::Done => NextState::Done,
            Ending::Ignored => NextState::Ignored,
            Ending::Retry(wait) => NextState::Retrying {
                due: steady(open) + ms(wait),
            },
            Ending::Dead => NextState::Dead,
        };
        let mut completion = ending(delivery, next);
        completion.attempt.run -= u32::from(late);
        // No two attempts are alike, so that no attempt passes for a committed one.
        completion.attempt.started = now(open) + ms(n as u64);
        completion.attempt.component = ComponentDigest([n as u8 % 3; 32]);
        let fails = matches!(attempted.ending, Ending::Retry(_) | Ending::Dead);
        if fails && attempted.which.is_multiple_of(3) {
            completion.attempt.outcome = AttemptOutcome::Trap;
        }
        let mut writes = attempted.writes.clone();
        if attempted.which.is_multiple_of(2) {
            // A run has the same effects each time, so that replays repeat them.
            let key = (delivery.id.0 % 4) as u8;
            writes.extend([(key, Write::Schedule(n as u64 % 50)), (key, Write::Emit)]);
        }
        add_effects(&mut completion, delivery, n, &writes);
        completion.reads = vec![read(open, &delivery.handler, attempted.stale)];
        let rank = Rank::Whole(attempted.rank.into());
        completion.order = OrderEffect {
            blocks_when_dead: delivery.handler.as_str() == HANDLERS[2],
            rank: (delivery.handler.as_str() == HANDLERS[1]).then_some(rank),
        };
        completion
    }

    /// Whether something newer was done of the key.
    fn is_superseded(&self, ranked: Option<(OrderKey, Rank)>) -> bool {
        ranked.is_some_and(|(key, rank)| {
            let newest = self.newest.iter().find(|(of, ..)| *of == key);
            newest.is_some_and(|(_, newest, _)| rank.is_older_than(*newest))
        })
    }

    fn advance(
        &mut self,
        open: &Open,
        place: i64,
        next: NextState,
        ended: WallTime,
        order: OrderEffect,
    ) {
        use DeliveryState::{Dead, Done, Held, Ignored, Retrying};
        let row = self.deliveries.get_mut(&place).unwrap();
        row.delivery.attempts += 1;
        (row.state, row.due) = match next {
            NextState::Done => (Done, None),
            NextState::Ignored => (Ignored, None),
            NextState::Dead => (Dead, None),
            NextState::Retrying { .. } if row.state == Held => (Held, None),
            NextState::Retrying { due } => (Retrying, Some(due)),
        };
        if row.has_ended() {
            row.finished = ended;
            if row.state != Dead || !order.blocks_when_dead {
                self.leave(place, steady(open));
            }
        }
    }

    fn apply(&mut self, open: &Open, delivery: &Delivery, effects: Effects) {
        for (key, write) in effects.state {
            let slot = (delivery.handler.to_string(), key);
            let old = self.state.get(&slot).copied().unwrap_or(0);
            match write {
                StateWrite::Set(value) => {
                    let value = std::str::from_utf8(&value).unwrap().parse().unwrap();
                    self.state.insert(slot, value);
                }
                StateWrite::Delete => {
                    self.state.remove(&slot);
                }
                StateWrite::Add(by) => {
                    self.state.insert(slot, old + by);
                }
            }
        }
        self.apply_requests(open, delivery, &effects.outbox);
        self.apply_schedule(open, delivery, effects.schedule);
        for event in effects.emitted {
            // One that is known is passed over, and not even counted.
            self.expect_derived(&event);
        }
    }

    fn apply_requests(&mut self, open: &Open, delivery: &Delivery, queued: &[NewRequest]) {
        // The ids of new requests follow one another.
        let mut listed = open.ledger.outbox_list(None, queued.len()).unwrap();
        listed.reverse();
        assert_eq!(listed.len(), queued.len());
        for (entry, new) in listed.iter().zip(queued) {
            let id = entry.request.id.0;
            assert_eq!(entry.request.request.key, new.key);
            let asked = Asked {
                handler: delivery.handler.clone(),
                order_key: new.order_key.clone(),
                state: OutboxState::Waiting,
                tries: 0,
                requeued: 0,
                cancelled: false,
            };
            assert!(self.outbox.insert(id, asked).is_none(), "a new id");
            let of = (delivery.event.id, WallTime::EPOCH);
            self.requested.insert(id, of);
        }
        let handed = open.sink.requests();
        let handed: Vec<_> = handed.iter().map(|request| request.id.0).collect();
        let new = listed.iter().map(|entry| entry.request.id.0);
        let new: Vec<_> = new
            .filter(|id| self.firsts().any(|first| first == *id))
            .collect();
        assert_eq!(handed, new, "those whose turn it is are handed out");
    }

    fn apply_schedule(
        &mut self,
        open: &Open,
        delivery: &Delivery,
        writes: Vec<(String, ScheduleWrite)>,
    ) {
        for (key, write) in writes {
            let slot = (delivery.handler.to_string(), key.clone());
            let ScheduleWrite::Put(new) = write else {
                self.schedule.remove(&slot);
                continue;
            };
            let (due, depth) = new.resolve(now(open)).unwrap();
            let entry = Scheduled {
                handler: delivery.handler.clone(),
                key,
                due,
                cause: delivery.event.id,
                call: new.call,
                kind: new.kind,
                subject: new.subject,
                account: new.account,
                depth,
                payload: new.payload,
            };
            self.puts += 1;
            self.schedule.insert(slot, (self.puts, entry));
        }
    }

    pub(super) fn fire(&mut self, open: &Open, after: u64) {
        let now = now(open) + ms(after);
        let to = |entry: &Scheduled| Recipient {
            key: key_of(entry.handler.as_str(), entry.kind.len() as u8),
            handler: entry.handler.clone(),
        };
        let mut due: Vec<_> = self
            .schedule
            .extract_if(.., |_, (_, entry)| entry.due <= now)
            .map(|(_, entry)| entry)
            .collect();
        due.sort_by_key(|(put, entry)| (entry.due, *put));
        let fired = open.fire_to(now, to);
        // One that an earlier run with the same keys put, and that was recorded, is known.
        let new = due
            .into_iter()
            .map(|(_, entry)| entry.new_event(now, to(&entry)))
            .filter(|event| self.expect_derived(event))
            .count();
        assert_eq!(fired.events, new as u64);
        let next = self.schedule.values().map(|(_, entry)| entry.due).min();
        assert_eq!(fired.next, next);
    }
}

fn add_effects(completion: &mut Completion, of: &Delivery, n: usize, writes: &[(u8, Write)]) {
    let mut keys: Vec<u8> = Vec::new();
    let effects = &mut completion.effects;
    for (key, write) in writes {
        let state = match write {
            Write::Set(value) => set(&value.to_string()),
            Write::Delete => StateWrite::Delete,
            Write::Add(by) => StateWrite::Add(i64::from(*by)),
            Write::Request => {
                effects.outbox.push(NewRequest {
                    order_key: (key % 2 == 0).then(|| format!("k{key}")),
                    ..request(&format!("{n}"))
                });
                continue;
            }
            Write::Emit => {
                let id = of.idempotency_key((*key).into());
                let source = of.handler.as_source();
                let mut new = event_of(source.as_str(), &id, b"{}", &[]);
                new.handlers = recipients(&["b"], *key);
                new.event.received = completion.attempt.started;
                effects.emitted.push(new);
                continue;
            }
            Write::Schedule(after) => {
                let new = NewScheduled {
                    // Calls have numbers of their own.
                    call: of.idempotency_key(u32::from(*key) + 4),
                    due: Due::After(Duration::from_millis(*after)),
                    kind: "d".repeat((*key).into()),
                    subject: None,
                    account: None,
                    depth: 0,
                    payload: Bytes::new(),
                };
                let write = ScheduleWrite::Put(new);
                effects.schedule.push((format!("s{key}"), write));
                continue;
            }
            Write::Cancel => {
                let cancel = (format!("s{key}"), ScheduleWrite::Cancel);
                effects.schedule.push(cancel);
                continue;
            }
        };
        if !keys.contains(key) {
            keys.push(*key);
            effects.state.push((format!("k{key}"), state));
        }
    }
}

/// Something that the handler read: as it is, or as it never was.
fn read(open: &Open, of: &HandlerName, stale: bool) -> Read {
    let key = "k1".to_owned();
    let version = match stale {
        true => Version(i64::MAX),
        false => open.ledger.state_get(of, &key).unwrap().version,
    };
    Read::Key { key, version }
}
