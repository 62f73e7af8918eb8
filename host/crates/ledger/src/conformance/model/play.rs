//! Playing a history: each step on the model and on the ledger.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::state::*;
use super::steps::{Step, step};
use crate::conformance::*;
use tollgate_base::event::DedupKey;
use tollgate_base::time::SteadyTime;

/// Plays one long history, since each store is opened anew only once. `TOLLGATE_MODEL_SEED` plays
/// a history again.
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
            Step::Resolve(which, how) => self.resolve(&open, which, how),
            Step::Hasten => self.hasten(&open),
            Step::Hold(present) => self.hold(&open, &named(present)),
            Step::RunAlone(which) => self.run_alone(&open, which),
            Step::GiveUp(which, holds) => self.give_up(&open, which, holds),
            Step::ReleaseOrderKeys(of) => self.release_order_keys(&open, &named(of)),
            Step::Operate(which, what, batch) => self.operate(&open, &which, what, batch),
            Step::Request(which, again) => self.operate_request(&open, which, again),
            Step::Reschedule(which, now) => self.reschedule(&open, which, now),
            Step::RetryUncounted(of, component) => self.retry_uncounted(&open, of, component),
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
                // Of three neighbours, one is thin, one may be its snapshot, one is neither.
                let twins = DedupKey::of_twins(&(id / 3).to_string());
                new.form = match id % 6 {
                    0 | 3 => EventForm::Thin,
                    1 => EventForm::Snapshot(twins),
                    _ => EventForm::Whole,
                };
                if id.is_multiple_of(6) {
                    new.more_dedup.push(twins);
                }
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
        let request = RequestId(place);
        let leased = open.leases_request(request);
        let first = self.firsts().any(|first| first == place);
        let row = self.outbox.get_mut(&place).unwrap();
        assert!(leased || !first, "{row:?}");
        assert!(first || !leased || row.cancelled, "{row:?}");
        let settled = open.settle(Settlement {
            request,
            token: Token::default(),
            at: now(open),
            status: Some(200),
            error: String::new(),
            next,
            response: None,
        });
        let sent_all_the_same = row.cancelled && next == OutboxNext::Sent;
        let expected = match leased {
            false => Settled::LeaseLost,
            true if first || sent_all_the_same => Settled::Committed,
            true => Settled::Stale,
        };
        assert_eq!(settled, expected);
        if settled == Settled::Committed {
            self.requested.get_mut(&place).unwrap().1 = now(open);
            row.tries += 1;
            row.state = match next {
                OutboxNext::Sent => OutboxState::Sent,
                OutboxNext::Dead => OutboxState::Dead,
                OutboxNext::Waiting { .. } => OutboxState::Waiting,
            };
            self.check_released(open, place, first);
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
        let waits = |row: &Row| self.resolving.contains_key(&row.delivery.event.id);
        let pending =
            |row: &&Row| row.state == DeliveryState::Pending && row.is_behind() && !waits(row);
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
        self.check_resolving(open);
    }

    fn check_outbox(&self, open: &Open) {
        // A try of a request may be under way when an operator cancels the request.
        let keep = |id: RequestId| self.outbox.get(&id.0).is_some_and(|row| row.cancelled);
        let found = open.waiting_beside(&HANDLERS, keep).into_iter();
        let mut found: Vec<_> = found
            .map(|found| (found.id.0, found.tries, found.requeued.times))
            .collect();
        found.sort_unstable();
        let seen = |place| {
            let row = &self.outbox[&place];
            (place, row.tries, row.requeued)
        };
        let expected: Vec<_> = self.firsts().map(seen).collect();
        assert_eq!(found, expected);
        assert!(open.sink.requests().is_empty());
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
