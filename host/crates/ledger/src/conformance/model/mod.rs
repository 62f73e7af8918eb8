//! Random histories against a model: what the ledger should hold, in plain maps.
//!
//! The model says what each step comes to before the ledger is asked, down to the places of
//! deliveries and to what the sink is given.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use tollgate_base::time::{Ahead, SteadyTime, WallTime};

mod attempts;
mod keeping;
mod operating;
mod turns;

use keeping::{Known, now, steady};
use operating::Operation;
use turns::{Row, Seen, seen};

/// One step of a history. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    /// Events with these ids, each for the handlers that the bits name.
    Record(Vec<(u8, u8)>),
    Complete(Attempted),
    Settle(usize, OutboxNext),
    Fire(u64),
    Hold(u8),
    /// A delivery is to run alone.
    RunAlone(usize),
    /// A delivery is given up, and holds its key from then on or not.
    GiveUp(usize, bool),
    /// Dead deliveries of the handlers that the bits name hold their keys no longer.
    LetPass(u8),
    /// An operator does something to deliveries, as part of a request that may have a name.
    Operate(Vec<usize>, Operation, Option<u8>),
    /// An operator has a request sent again, or cancels it.
    Request(usize, bool),
    /// An operator has something scheduled now, or cancels it.
    Reschedule(usize, bool),
    /// What a component at fault failed of a handler's runs again.
    Excuse(u8, u8),
    /// An event goes to the handlers that the bits name.
    Route(usize, u8),
    /// A handler is paused, perhaps with its outbox, or resumed.
    Pause(u8, Option<bool>),
    /// So many hours later, by one of the policies.
    Sweep(u8, u8),
    Erase(usize),
    Reopen,
    /// A kill while these were under way.
    Crash(Vec<usize>),
}

/// The end of an attempt.
#[derive(Clone, Debug)]
struct Attempted {
    which: usize,
    ending: Ending,
    writes: Vec<(u8, Write)>,
    /// How new the fact is.
    rank: u8,
    /// What it read has changed since.
    stale: bool,
    /// It began in an earlier run of the delivery.
    late: bool,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Done,
    Ignored,
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

/// The first has no order. The second guards against facts that are older than the last one
/// done, the third has its dead deliveries hold their keys.
/// Nobody sets the clock of a model: both kinds of time are one.
const AS_ONE: Ahead = Ahead::from_millis(0);

const HANDLERS: [&str; 3] = ["a", "b", "c"];

fn named(bits: u8) -> Vec<&'static str> {
    let named = HANDLERS.iter().enumerate();
    named
        .filter(|(n, _)| bits >> n & 1 == 1)
        .map(|(_, name)| *name)
        .collect()
}

/// What a delivery to this handler is ordered by, for something with this number.
fn key_of(of: &str, number: u8) -> Option<OrderKey> {
    let number = number % 4;
    (of != HANDLERS[0] && number > 0).then(|| OrderKey::new(&handler(of), &number.to_string()))
}

fn recipients(names: &[&str], number: u8) -> Vec<Recipient> {
    let to = |name: &&str| Recipient {
        handler: handler(name),
        key: key_of(name, number),
    };
    names.iter().map(to).collect()
}

fn attempted() -> impl Strategy<Value = Attempted> {
    let ending = prop_oneof![
        5 => Just(Ending::Done),
        1 => Just(Ending::Ignored),
        2 => (0..50_u64).prop_map(Ending::Retry),
        2 => Just(Ending::Dead),
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
    (
        any::<usize>(),
        ending,
        prop::collection::vec((0..4_u8, write), 0..4),
        0..10_u8,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(which, ending, writes, rank, stale, late)| Attempted {
            which,
            ending,
            writes,
            rank,
            stale,
            late,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let settled = prop_oneof![
        Just(OutboxNext::Sent),
        Just(OutboxNext::Dead),
        (0..50_u64).prop_map(|wait| OutboxNext::Waiting {
            due: STEADY + ms(wait)
        }),
    ];
    let operated = (
        prop::collection::vec(any::<usize>(), 1..4),
        operating::operation(),
        prop::option::of(0..3_u8),
    );
    let excused = (0..3_u8, 0..3_u8);
    let paused = (0..3_u8, prop::option::of(any::<bool>()));
    prop_oneof![
        8 => prop::collection::vec((0..80_u8, 0..8_u8), 1..4).prop_map(Step::Record),
        20 => attempted().prop_map(Step::Complete),
        4 => (any::<usize>(), settled).prop_map(|(which, next)| Step::Settle(which, next)),
        4 => (0..50_u64).prop_map(Step::Fire),
        1 => (0..8_u8).prop_map(Step::Hold),
        2 => Just(Step::Hold(7)),
        1 => any::<usize>().prop_map(Step::RunAlone),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, holds)| Step::GiveUp(which, holds)),
        1 => (0..8_u8).prop_map(Step::LetPass),
        5 => operated.prop_map(|(which, what, batch)| Step::Operate(which, what, batch)),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(which, again)| Step::Request(which, again)),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(which, now)| Step::Reschedule(which, now)),
        2 => excused.prop_map(|(of, component)| Step::Excuse(of, component)),
        1 => (any::<usize>(), 0..8_u8).prop_map(|(which, to)| Step::Route(which, to)),
        1 => paused.prop_map(|(of, outbox)| Step::Pause(of, outbox)),
        2 => (0..30_u8, 0..3_u8).prop_map(|(hours, which)| Step::Sweep(hours, which)),
        1 => any::<usize>().prop_map(Step::Erase),
        1 => Just(Step::Reopen),
        1 => prop::collection::vec(any::<usize>(), 0..4).prop_map(Step::Crash),
    ]
}

/// A request of the outbox.
#[derive(Clone, Copy, Debug)]
struct Asked {
    state: OutboxState,
    tries: u32,
    /// How often an operator had it sent again.
    life: u32,
    cancelled: bool,
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
    /// By place.
    deliveries: BTreeMap<i64, Row>,
    /// The last place that was given.
    last: i64,
    /// What the sink is to have been given by the step: new deliveries, and those whose turn
    /// has come.
    handed: Vec<Seen>,
    released: Vec<Seen>,
    /// The newest rank that was done, of each key that has one, and the place of the last
    /// event of the key that ended.
    newest: Vec<(OrderKey, Rank, usize)>,
    /// The handlers that there are, since it was last said.
    present: Option<Vec<HandlerName>>,
    state: BTreeMap<(String, String), i64>,
    outbox: BTreeMap<i64, Asked>,
    /// The event that each request came of, and when it was last settled.
    requested: BTreeMap<i64, (EventId, WallTime)>,
    /// The entry of each key of each handler, with its place in the order of puts.
    schedule: BTreeMap<(String, String), (usize, Scheduled)>,
    puts: usize,
    paused: BTreeMap<&'static str, Pause>,
}

/// Plays one long history, since each store is opened but once anew. `TOLLGATE_MODEL_SEED`
/// plays one again.
pub fn random_histories_match_the_model(engine: &dyn Engine) {
    let seed = std::env::var("TOLLGATE_MODEL_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let histories = prop::collection::vec(step(), 500..700);
    let history = histories.new_tree(&mut runner).unwrap().current();
    let mut open = Open::new(engine);
    let mut model = Model::default();
    for (n, step) in history.into_iter().enumerate() {
        let told = ToldOnPanic(format!("seed {seed}, step {n}: {step:?}"));
        open = model.step(open, engine, n, step);
        model.check(&open);
        drop(told);
    }
}

/// Says at which step a history failed.
struct ToldOnPanic(String);

impl Drop for ToldOnPanic {
    #[expect(clippy::print_stderr, reason = "a test that fails says why")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

impl Model {
    fn step(&mut self, open: Open, engine: &dyn Engine, n: usize, step: Step) -> Open {
        match step {
            Step::Record(events) => self.record(&open, &events),
            Step::Complete(attempted) => self.complete(&open, n, attempted),
            Step::Settle(which, next) => self.settle(&open, which, next),
            Step::Fire(after) => self.fire(&open, after),
            Step::Hold(present) => self.hold(&open, &named(present)),
            Step::RunAlone(which) => self.run_alone(&open, which),
            Step::GiveUp(which, holds) => self.give_up(&open, which, holds),
            Step::LetPass(of) => self.let_pass(&open, &named(of)),
            Step::Operate(which, what, batch) => self.operate(&open, &which, what, batch),
            Step::Request(which, again) => self.operate_request(&open, which, again),
            Step::Reschedule(which, now) => self.reschedule(&open, which, now),
            Step::Excuse(of, component) => self.excuse(&open, of, component),
            Step::Route(which, to) => self.route(&open, which, &named(to)),
            Step::Pause(of, outbox) => self.pause(&open, of, outbox),
            Step::Sweep(hours, which) => self.sweep(&open, hours, which),
            Step::Erase(which) => self.erase(&open, which),
            Step::Reopen => {
                self.release_claimed(steady(&open));
                self.present = None;
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
                let mut new = event(&format!("evt_{id}"), b"{}", &[]);
                new.handlers = recipients(&named(*handlers), *id);
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
        let sent_all_the_same = row.cancelled && next == OutboxNext::Sent;
        if row.state == OutboxState::Waiting || sent_all_the_same {
            self.requested.get_mut(&place).unwrap().1 = now(open);
            row.tries += 1;
            row.state = match next {
                OutboxNext::Sent => OutboxState::Sent,
                OutboxNext::Dead => OutboxState::Dead,
                OutboxNext::Waiting { .. } => OutboxState::Waiting,
            };
        }
    }

    fn pause(&mut self, open: &Open, of: u8, outbox: Option<bool>) {
        let name = HANDLERS[usize::from(of)];
        let since = now(open);
        let pause = outbox.map(|outbox| Pause { since, outbox });
        open.ledger.set_pause(&handler(name), pause).unwrap();
        match pause {
            Some(pause) => self.paused.insert(name, pause),
            None => self.paused.remove(name),
        };
    }

    fn check(&mut self, open: &Open) {
        self.check_turns(open);
        let counts = open.ledger.counts().unwrap();
        self.check_kept(open, &counts);
        assert_eq!(counts.duplicates, self.duplicates);
        for (state, many) in &counts.deliveries {
            let rows = self.deliveries.values();
            let expected = rows.filter(|row| row.state == *state).count();
            assert_eq!(*many, expected as u64, "{state}");
        }
        let pending = |row: &&Row| row.state == DeliveryState::Pending && row.is_behind();
        let blocked = self.deliveries.values().filter(pending).count();
        assert_eq!(counts.blocked, blocked as u64);
        for (state, many) in &counts.outbox {
            let expected = self
                .outbox
                .values()
                .filter(|row| row.state == *state)
                .count();
            assert_eq!(*many, expected as u64, "{state}");
        }
        assert_eq!(counts.scheduled, self.schedule.len() as u64);
        let paused = self
            .paused
            .iter()
            .map(|(name, pause)| (handler(name), *pause));
        assert!(open.ledger.pauses().unwrap().into_iter().eq(paused));
        for name in HANDLERS {
            self.check_handler(open, name);
        }
        self.check_backlog(open);
        self.check_outbox(open);
    }

    fn check_outbox(&self, open: &Open) {
        let waiting = open
            .ledger
            .outbox_waiting(OutboxSeq(0), 10_000, usize::MAX >> 1)
            .unwrap();
        let expected = self
            .outbox
            .iter()
            .filter(|(_, row)| row.state == OutboxState::Waiting);
        let expected: Vec<_> = expected
            .map(|(place, row)| (*place, row.tries, row.life))
            .collect();
        let found: Vec<_> = waiting
            .iter()
            .map(|found| (found.seq.0, found.tries, found.life.number))
            .collect();
        assert_eq!(found, expected);
    }

    fn check_handler(&self, open: &Open, name: &str) {
        for time in [SteadyTime::ZERO, steady(open), LATEST] {
            let mut expected: Vec<_> = self.due(name, time);
            expected.extend(self.pending(name).map(|row| seen(&row.delivery)));
            let found = open.due_beside(name, time, |delivery| self.is_kept(delivery));
            let found: Vec<_> = found.iter().map(seen).collect();
            assert_eq!(found, expected);
        }
        let mut expected: Vec<_> = self
            .schedule
            .iter()
            .filter(|((of, _), _)| of == name)
            .map(|(_, (put, entry))| (entry.due, *put, entry.clone()))
            .collect();
        expected.sort_by_key(|(due, put, _)| (*due, *put));
        let listed = open.ledger.scheduled(Some(&handler(name)), 100);
        let expected = expected.into_iter().map(|(_, _, entry)| entry);
        assert!(listed.unwrap().into_iter().eq(expected));
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
