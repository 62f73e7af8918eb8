//! Random histories against a model: what the ledger should hold, in plain maps.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

mod keeping;

use keeping::{Known, now};

/// One step of a history. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    /// Events with these ids, each for the handlers that the bits name.
    Record(Vec<(u8, u8)>),
    /// With what it read still standing, or not.
    Complete(usize, Ending, Vec<(u8, Write)>, bool),
    Settle(usize, OutboxNext),
    Fire(u64),
    Hold(u8),
    /// A delivery is to run alone.
    Claim(usize),
    /// So many hours later, by one of the policies.
    Sweep(u8, u8),
    Reopen,
    /// A kill while these were under way.
    Crash(Vec<usize>),
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
        12 => (
            any::<usize>(),
            ending,
            prop::collection::vec((0..4_u8, write), 0..4),
            prop::bool::weighted(0.1),
        )
            .prop_map(|(which, ending, writes, stale)| {
                Step::Complete(which, ending, writes, stale)
            }),
        3 => (any::<usize>(), settled).prop_map(|(which, next)| Step::Settle(which, next)),
        2 => (0..50_u64).prop_map(Step::Fire),
        1 => (0..8_u8).prop_map(Step::Hold),
        1 => any::<usize>().prop_map(Step::Claim),
        2 => (0..30_u8, 0..3_u8).prop_map(|(hours, which)| Step::Sweep(hours, which)),
        1 => Just(Step::Reopen),
        1 => prop::collection::vec(any::<usize>(), 0..4).prop_map(Step::Crash),
    ]
}

/// What the ledger should hold.
#[derive(Default)]
struct Model {
    known: BTreeMap<String, Known>,
    /// How many events were recorded.
    recorded: usize,
    duplicates: u64,
    pruned: u64,
    erased: u64,
    /// By place: handler, state, attempts, due; with the delivery as it was handed out.
    deliveries: BTreeMap<i64, (Delivery, DeliveryState, u64)>,
    state: BTreeMap<(String, String), i64>,
    outbox: BTreeMap<i64, (OutboxState, u32)>,
    /// When each delivery that ended did.
    finished: BTreeMap<i64, UnixMillis>,
    /// The event that each request came of, and when it was last settled.
    requested: BTreeMap<i64, (EventId, UnixMillis)>,
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
            Step::Complete(which, ending, writes, stale) => {
                self.complete(&open, n, which, ending, &writes, stale);
            }
            Step::Settle(which, next) => self.settle(&open, which, next),
            Step::Fire(after) => self.fire(&open, after),
            Step::Hold(present) => self.hold(&open, &named(present)),
            Step::Claim(which) => self.claim(&open, which),
            Step::Sweep(hours, which) => self.sweep(&open, hours, which),
            Step::Reopen => {
                self.release_claimed(now(&open));
                return open.reopen(engine);
            }
            Step::Crash(running) => return self.crash(open, engine, &running),
        }
        open
    }

    fn record(&mut self, open: &Open, events: &[(u8, u8)]) {
        let new: Vec<_> = events
            .iter()
            .map(|(id, handlers)| {
                let mut new = event(&format!("evt_{id}"), b"{}", &named(*handlers));
                new.event.received = now(open);
                new
            })
            .collect();
        for (new, recorded) in new.iter().zip(open.record(new.clone())) {
            let expected = self.expect(open, new);
            assert_eq!(recorded, expected);
            if matches!(expected, Recorded::Duplicate { .. }) {
                self.duplicates += 1;
            }
        }
        self.take_deliveries(open);
    }

    fn take_deliveries(&mut self, open: &Open) {
        self.add_deliveries(open.sink.deliveries());
    }

    fn add_deliveries(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
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
        stale: bool,
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
        completion.attempt.started = now(open) + n as u64;
        let ended = completion.attempt.started + completion.attempt.duration_us / 1000;
        self.add_effects(&mut completion, n, writes);
        completion.reads = vec![read(open, &delivery.handler, stale)];
        let emitted = completion.effects.emitted.clone();
        let state_writes = completion.effects.state.clone();
        let schedule = completion.effects.schedule.clone();
        let requests = completion.effects.outbox.len();
        let answer = open.complete(completion).unwrap();

        use DeliveryState::{Dead, Done, Held, Pending, Retrying, Running};
        if !matches!(state, Pending | Retrying | Held | Running) {
            assert_eq!(answer, Completed::Stale);
            return;
        }
        if stale {
            assert_eq!(answer, Completed::Conflict);
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
        self.finished.insert(place, ended);
        if next == NextState::Done {
            self.apply(open, &delivery, &state_writes, requests, &emitted);
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
                    let mut new = event_of("handler:a", &id, b"{}", &["b"]);
                    new.event.received = completion.attempt.started;
                    completion.effects.emitted.push(new);
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
        delivery: &Delivery,
        writes: &[(String, StateWrite)],
        requests: usize,
        emitted: &[NewEvent],
    ) {
        for (key, write) in writes {
            let slot = (delivery.handler.to_string(), key.clone());
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
            self.requested.insert(request.seq.0, (delivery.event.id, 0));
        }
        for event in emitted {
            self.expect_emitted(event);
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
        let fired = open.fire(now).unwrap();
        assert_eq!(fired.events, due.len() as u64);
        assert_eq!(fired.next, self.schedule.values().min().copied());
        let deliveries = open.sink.deliveries();
        assert_eq!(deliveries.len(), due.len());
        for delivery in &deliveries {
            let event = &delivery.event;
            let name = format!("{}/fired {}", event.source, event.id);
            self.learn(name, event.id, event.received, false);
        }
        self.add_deliveries(deliveries);
    }

    fn settle(&mut self, open: &Open, which: usize, next: OutboxNext) {
        let keys: Vec<i64> = self.outbox.keys().copied().collect();
        if keys.is_empty() {
            return;
        }
        let place = keys[which % keys.len()];
        open.settle(Settlement {
            seq: OutboxSeq(place),
            at: now(open),
            status: Some(200),
            error: String::new(),
            next,
            response: None,
        });
        let row = self.outbox.get_mut(&place).unwrap();
        if row.0 == OutboxState::Waiting {
            self.requested.get_mut(&place).unwrap().1 = now(open);
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

    fn claim(&mut self, open: &Open, which: usize) {
        use DeliveryState::{Pending, Retrying, Running};
        if let Some(place) = self.nth(which) {
            open.ledger.claim(DeliverySeq(place)).unwrap();
            let row = self.deliveries.get_mut(&place).unwrap();
            if matches!(row.1, Pending | Retrying) {
                row.1 = Running;
            }
        }
    }

    /// A clean end makes due again what was to run alone.
    fn release_claimed(&mut self, now: UnixMillis) {
        for row in self.deliveries.values_mut() {
            if row.1 == DeliveryState::Running {
                (row.1, row.2) = (DeliveryState::Retrying, now);
            }
        }
    }

    /// An unclean one counts an attempt for what was under way.
    fn crash(&mut self, open: Open, engine: &dyn Engine, running: &[usize]) -> Open {
        use DeliveryState::{Pending, Retrying, Running};
        let running: Vec<_> = running.iter().filter_map(|n| self.nth(*n)).collect();
        for (slot, place) in running.iter().enumerate() {
            open.ledger.note_running(slot, Some(DeliverySeq(*place)));
        }
        let now = now(&open);
        engine.crash(open.ledger);
        let open = Open::new(engine);
        for (place, row) in &mut self.deliveries {
            let under_way =
                row.1 == Running || running.contains(place) && matches!(row.1, Pending | Retrying);
            if under_way {
                row.0.attempts += 1;
                row.0.crashes += 1;
                // The clock begins there with each start.
                (row.1, row.2) = (Retrying, START);
            }
        }
        open.clock.set(now);
        open
    }

    /// The place of one of the deliveries.
    fn nth(&self, which: usize) -> Option<i64> {
        let many = self.deliveries.len().max(1);
        self.deliveries.keys().nth(which % many).copied()
    }

    fn check(&self, open: &Open) {
        let counts = open.ledger.counts().unwrap();
        self.check_kept(&counts);
        assert_eq!(counts.duplicates, self.duplicates);
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

/// Something that the handler read: as it is, or as it never was.
fn read(open: &Open, of: &HandlerName, stale: bool) -> Read {
    let key = "k1".to_owned();
    let version = match stale {
        true => Version(i64::MAX),
        false => open.ledger.state_get(of, &key).unwrap().version,
    };
    Read::Key { key, version }
}
