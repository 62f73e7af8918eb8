//! Random histories against a model: what the ledger should hold, in plain maps.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// One step of a history. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    /// Events with these ids, each for the handlers that the bits name.
    Record(Vec<(u8, u8)>),
    Complete(usize, Ending, Vec<(u8, Write)>),
    Settle(usize, OutboxNext),
    Fire(u64),
    Hold(u8),
    Reopen,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Done,
    Retry(u64),
    Dead,
}

#[derive(Clone, Copy, Debug)]
enum Write {
    Set(i8),
    Delete,
    Add(i8),
    Request,
    Emit,
    Schedule(u64),
    Cancel,
}

const HANDLERS: [&str; 3] = ["a", "b", "c"];

fn named(bits: u8) -> Vec<&'static str> {
    let named = HANDLERS.iter().enumerate();
    named
        .filter(|(n, _)| bits >> n & 1 == 1)
        .map(|(_, name)| *name)
        .collect()
}

fn step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![
        4 => Just(Ending::Done),
        2 => (0..50_u64).prop_map(Ending::Retry),
        1 => Just(Ending::Dead),
    ];
    let write = prop_oneof![
        any::<i8>().prop_map(Write::Set),
        Just(Write::Delete),
        any::<i8>().prop_map(Write::Add),
        Just(Write::Request),
        Just(Write::Emit),
        (0..50_u64).prop_map(Write::Schedule),
        Just(Write::Cancel),
    ];
    let settled = prop_oneof![
        Just(OutboxNext::Sent),
        Just(OutboxNext::Dead),
        (0..50_u64).prop_map(|wait| OutboxNext::Waiting { due: START + wait }),
    ];
    prop_oneof![
        6 => prop::collection::vec((0..40_u8, 0..8_u8), 1..4).prop_map(Step::Record),
        8 => (any::<usize>(), ending, prop::collection::vec((0..4_u8, write), 0..4))
            .prop_map(|(which, ending, writes)| Step::Complete(which, ending, writes)),
        3 => (any::<usize>(), settled).prop_map(|(which, next)| Step::Settle(which, next)),
        2 => (0..50_u64).prop_map(Step::Fire),
        1 => (0..8_u8).prop_map(Step::Hold),
        1 => Just(Step::Reopen),
    ]
}

/// What the ledger should hold.
#[derive(Default)]
struct Model {
    ids: BTreeMap<String, EventId>,
    duplicates: u64,
    unrouted: u64,
    /// By place: handler, state, attempts, due; with the delivery as it was handed out.
    deliveries: BTreeMap<i64, (Delivery, DeliveryState, u64)>,
    state: BTreeMap<(String, String), i64>,
    outbox: BTreeMap<i64, (OutboxState, u32)>,
    /// When each key of each handler is due.
    schedule: BTreeMap<(String, String), UnixMillis>,
}

pub(in crate::ledger) fn random_histories_match_the_model(engine: &dyn Engine) {
    let config = Config {
        cases: 1,
        failure_persistence: None,
        ..Config::default()
    };
    // One long history, since each store is opened but once anew.
    let histories = prop::collection::vec(step(), 250..400);
    TestRunner::new(config)
        .run(&histories, |history| {
            let mut open = Some(Open::new(engine));
            let mut model = Model::default();
            for (n, step) in history.into_iter().enumerate() {
                let ledger = open.take().expect("is put back after each step");
                let ledger = model.step(ledger, engine, n, step);
                model.check(&ledger);
                open = Some(ledger);
            }
            Ok(())
        })
        .unwrap();
}

impl Model {
    fn step(&mut self, open: Open, engine: &dyn Engine, n: usize, step: Step) -> Open {
        match step {
            Step::Record(events) => self.record(&open, &events),
            Step::Complete(which, ending, writes) => {
                self.complete(&open, n, which, ending, &writes);
            }
            Step::Settle(which, next) => self.settle(&open, which, next),
            Step::Fire(after) => self.fire(&open, after),
            Step::Hold(present) => self.hold(&open, &named(present)),
            Step::Reopen => return open.reopen(engine),
        }
        open
    }

    fn record(&mut self, open: &Open, events: &[(u8, u8)]) {
        let new: Vec<_> = events
            .iter()
            .map(|(id, handlers)| event(&format!("evt_{id}"), b"{}", &named(*handlers)))
            .collect();
        for (new, recorded) in new.iter().zip(open.record(new.clone())) {
            let expected = self.expect(new);
            assert_eq!(recorded, expected);
            if matches!(expected, Recorded::Duplicate { .. }) {
                self.duplicates += 1;
            }
        }
        self.take_deliveries(open);
    }

    /// What recording this comes to.
    fn expect(&mut self, new: &NewEvent) -> Recorded {
        let key = format!("{}/{:?}", new.event.source, new.event.provider_id);
        match self.ids.get(&key) {
            Some(first) => Recorded::Duplicate {
                first: Some(*first),
                same_bytes: true,
            },
            None => {
                self.ids.insert(key, new.event.id);
                self.unrouted += u64::from(new.handlers.is_empty());
                Recorded::New(new.event.id)
            }
        }
    }

    fn take_deliveries(&mut self, open: &Open) {
        for delivery in open.sink.deliveries() {
            let place = delivery.seq.0;
            let known = self
                .deliveries
                .insert(place, (delivery, DeliveryState::Pending, 0));
            assert!(known.is_none(), "a place is given once");
        }
    }

    fn complete(
        &mut self,
        open: &Open,
        n: usize,
        which: usize,
        ending_: Ending,
        writes: &[(u8, Write)],
    ) {
        let keys: Vec<i64> = self.deliveries.keys().copied().collect();
        if keys.is_empty() {
            return;
        }
        let place = keys[which % keys.len()];
        let (delivery, state, _) = self.deliveries[&place].clone();
        let next = match ending_ {
            Ending::Done => NextState::Done,
            Ending::Retry(wait) => NextState::Retrying { due: START + wait },
            Ending::Dead => NextState::Dead,
        };
        let mut completion = ending(&delivery, next);
        // No two attempts are alike, so that none is taken for one that was committed.
        completion.attempt.started += n as u64;
        self.add_effects(&mut completion, n, writes);
        let emitted = completion.effects.emitted.clone();
        let state_writes = completion.effects.state.clone();
        let schedule = completion.effects.schedule.clone();
        let requests = completion.effects.outbox.len();
        let answer = open.complete(completion).unwrap();

        use DeliveryState::{Dead, Done, Held, Pending, Retrying};
        if !matches!(state, Pending | Retrying | Held) {
            assert_eq!(answer, Completed::Stale);
            return;
        }
        assert_eq!(answer, Completed::Committed);
        let to = match next {
            NextState::Done => Done,
            NextState::Dead => Dead,
            _ if state == Held => Held,
            _ => Retrying,
        };
        let due = if let NextState::Retrying { due } = next {
            due
        } else {
            0
        };
        let row = self.deliveries.get_mut(&place).unwrap();
        row.0.attempts += 1;
        (row.1, row.2) = (to, due);
        if next == NextState::Done {
            self.apply(
                open,
                delivery.handler.as_str(),
                &state_writes,
                requests,
                &emitted,
            );
            self.apply_schedule(open, delivery.handler.as_str(), schedule);
        }
    }

    fn add_effects(&self, completion: &mut Completion, n: usize, writes: &[(u8, Write)]) {
        let mut keys: Vec<u8> = Vec::new();
        for (key, write) in writes {
            let state = match write {
                Write::Set(value) => set(&value.to_string()),
                Write::Delete => StateWrite::Delete,
                Write::Add(by) => StateWrite::Add(i64::from(*by)),
                Write::Request => {
                    completion.effects.outbox.push(request(&format!("{n}")));
                    continue;
                }
                Write::Emit => {
                    let id = format!("emitted-{key}");
                    completion
                        .effects
                        .emitted
                        .push(event_of("handler:a", &id, b"{}", &["b"]));
                    continue;
                }
                Write::Schedule(after) => {
                    let new = NewScheduled {
                        call: format!("{n} {key}"),
                        due: Due::At(START + after),
                        kind: "due".to_owned(),
                        subject: None,
                        account: None,
                        depth: 0,
                        payload: Bytes::new(),
                    };
                    let write = ScheduleWrite::Put(new);
                    completion.effects.schedule.push((format!("s{key}"), write));
                    continue;
                }
                Write::Cancel => {
                    let cancel = (format!("s{key}"), ScheduleWrite::Cancel);
                    completion.effects.schedule.push(cancel);
                    continue;
                }
            };
            if !keys.contains(key) {
                keys.push(*key);
                completion.effects.state.push((format!("k{key}"), state));
            }
        }
    }

    fn apply(
        &mut self,
        open: &Open,
        of: &str,
        writes: &[(String, StateWrite)],
        requests: usize,
        emitted: &[NewEvent],
    ) {
        for (key, write) in writes {
            let slot = (of.to_owned(), key.clone());
            let old = self.state.get(&slot).copied().unwrap_or(0);
            match write {
                StateWrite::Set(value) => {
                    let value = std::str::from_utf8(value).unwrap().parse().unwrap();
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
        let queued = open.sink.requests();
        assert_eq!(queued.len(), requests);
        for request in queued {
            self.outbox.insert(request.seq.0, (OutboxState::Waiting, 0));
        }
        for event in emitted {
            self.expect(event);
        }
        self.take_deliveries(open);
    }

    fn apply_schedule(&mut self, open: &Open, of: &str, writes: Vec<(String, ScheduleWrite)>) {
        let now = crate::clock::Clock::now(&open.clock);
        for (key, write) in writes {
            let slot = (of.to_owned(), key);
            match write {
                ScheduleWrite::Put(new) => {
                    self.schedule.insert(slot, new.resolve(now).unwrap().0);
                }
                ScheduleWrite::Cancel => {
                    self.schedule.remove(&slot);
                }
            }
        }
    }

    fn fire(&mut self, open: &Open, after: u64) {
        let now = crate::clock::Clock::now(&open.clock) + after;
        let due: Vec<_> = self
            .schedule
            .extract_if(.., |_, due| *due <= now)
            .map(|((of, key), due)| (of, key, due))
            .collect();
        let fired = open.ledger.fire(now).unwrap();
        assert_eq!(fired.events, due.len() as u64);
        assert_eq!(fired.next, self.schedule.values().min().copied());
        for (of, key, due) in due {
            let id = format!("handler:{of}/fired {key} {due} {now}");
            self.ids.insert(id, EventId::generate(now));
        }
        self.take_deliveries(open);
    }

    fn settle(&mut self, open: &Open, which: usize, next: OutboxNext) {
        let keys: Vec<i64> = self.outbox.keys().copied().collect();
        if keys.is_empty() {
            return;
        }
        let place = keys[which % keys.len()];
        open.settle(Settlement {
            seq: OutboxSeq(place),
            at: START,
            status: Some(200),
            error: String::new(),
            next,
            response: None,
        });
        let row = self.outbox.get_mut(&place).unwrap();
        if row.0 == OutboxState::Waiting {
            row.1 += 1;
            row.0 = match next {
                OutboxNext::Sent => OutboxState::Sent,
                OutboxNext::Dead => OutboxState::Dead,
                OutboxNext::Waiting { .. } => OutboxState::Waiting,
            };
        }
    }

    fn hold(&mut self, open: &Open, present: &[&str]) {
        use DeliveryState::{Held, Pending, Retrying};
        let (mut held, mut released) = (0, 0);
        for (delivery, state, _) in self.deliveries.values_mut() {
            let is_present = present.contains(&delivery.handler.as_str());
            match state {
                Pending | Retrying if !is_present => {
                    *state = Held;
                    held += 1;
                }
                Held if is_present => {
                    *state = Pending;
                    released += 1;
                }
                _ => {}
            }
        }
        let present: Vec<_> = present.iter().map(|name| handler(name)).collect();
        assert_eq!(open.ledger.hold_absent(&present).unwrap(), (held, released));
    }

    fn check(&self, open: &Open) {
        let counts = open.ledger.counts().unwrap();
        assert_eq!(counts.events, self.ids.len() as u64);
        assert_eq!(counts.duplicates, self.duplicates);
        assert_eq!(counts.unrouted, self.unrouted);
        for (state, many) in counts.deliveries {
            let expected = self
                .deliveries
                .values()
                .filter(|row| row.1 == state)
                .count();
            assert_eq!(many, expected as u64, "{state}");
        }
        for (state, many) in counts.outbox {
            let expected = self.outbox.values().filter(|row| row.0 == state).count();
            assert_eq!(many, expected as u64, "{state}");
        }
        assert_eq!(counts.scheduled, self.schedule.len() as u64);
        for name in HANDLERS {
            self.check_handler(open, name);
        }
        let waiting = open
            .ledger
            .outbox_waiting(OutboxSeq(0), 10_000, usize::MAX >> 1)
            .unwrap();
        let expected = self
            .outbox
            .iter()
            .filter(|(_, row)| row.0 == OutboxState::Waiting);
        let expected: Vec<_> = expected.map(|(place, row)| (*place, row.1)).collect();
        let found: Vec<_> = waiting
            .iter()
            .map(|found| (found.seq.0, found.tries))
            .collect();
        assert_eq!(found, expected);
    }

    fn check_handler(&self, open: &Open, name: &str) {
        let of = |state| {
            let rows = self.deliveries.values();
            rows.filter(move |row| row.1 == state && row.0.handler.as_str() == name)
        };
        let found = open.pending(name).into_iter().map(|d| (d.seq, d.attempts));
        let expected = of(DeliveryState::Pending).map(|row| (row.0.seq, row.0.attempts));
        assert!(found.eq(expected));
        let mut expected: Vec<_> = of(DeliveryState::Retrying)
            .map(|row| (row.2, row.0.seq))
            .collect();
        expected.sort();
        let found = open.due(name, u64::MAX >> 1).into_iter().map(|d| d.seq);
        assert!(found.eq(expected.iter().map(|(_, seq)| *seq)));
        let mut expected: Vec<_> = self
            .schedule
            .iter()
            .filter(|((of, _), _)| of == name)
            .map(|((_, key), due)| (*due, key.clone()))
            .collect();
        expected.sort();
        let listed = open.ledger.schedule_list(Some(&handler(name)), 100);
        let mut found: Vec<_> = listed
            .unwrap()
            .into_iter()
            .map(|entry| (entry.due, entry.key))
            .collect();
        assert!(found.is_sorted_by_key(|(due, _)| *due));
        found.sort();
        assert_eq!(found, expected);
        let entries = open
            .ledger
            .state_list(&handler(name), "", None, 100)
            .unwrap();
        let found = entries
            .into_iter()
            .map(|entry| (entry.key, String::from_utf8(entry.value).unwrap()));
        let state = self.state.iter().filter(|((of, _), _)| of == name);
        assert!(found.eq(state.map(|((_, key), value)| (key.clone(), value.to_string()))));
    }
}
