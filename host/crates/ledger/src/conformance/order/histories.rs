//! Random histories of deliveries with keys, against the order that they should have.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// One step of a history. Numbers choose among the present items.
#[derive(Clone, Debug)]
enum Step {
    /// Events with these keys; 0 is none.
    Arrive(Vec<u8>),
    End(usize, Ending),
    Hold,
    Back,
    ReleaseOrderKeys,
    Reopen,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Done,
    Ignored,
    Retry(u64),
    Dead { holds: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![
        4 => Just(Ending::Done),
        1 => Just(Ending::Ignored),
        3 => (0..50_u64).prop_map(Ending::Retry),
        1 => any::<bool>().prop_map(|holds| Ending::Dead { holds }),
    ];
    prop_oneof![
        6 => prop::collection::vec(0..4_u8, 1..5).prop_map(Step::Arrive),
        14 => (any::<usize>(), ending).prop_map(|(which, ending)| Step::End(which, ending)),
        1 => Just(Step::Hold),
        2 => Just(Step::Back),
        1 => Just(Step::ReleaseOrderKeys),
        1 => Just(Step::Reopen),
    ]
}

/// The deliveries that count for each order key, in the order of arrival: whether each is dead.
#[derive(Default)]
struct Lines {
    lines: BTreeMap<u8, BTreeMap<i64, bool>>,
    key_of: BTreeMap<i64, u8>,
    done: BTreeMap<u8, Vec<i64>>,
    last: i64,
    away: bool,
}

impl Lines {
    fn expected(&self) -> Vec<i64> {
        let mut expected: Vec<i64> = Vec::new();
        for (key, line) in &self.lines {
            let live = line.iter().filter(|(_, dead)| !**dead).map(|(seq, _)| *seq);
            match key {
                0 => expected.extend(live),
                _ => expected.extend(line.iter().next().filter(|(_, d)| !**d).map(|(s, _)| *s)),
            }
        }
        expected.sort_unstable();
        expected
    }

    fn step(&mut self, open: Open, engine: &dyn Engine, step: Step) -> Open {
        match step {
            Step::Arrive(keys) => {
                let names: Vec<_> = keys.iter().map(u8::to_string).collect();
                let values: Vec<_> = names.iter().map(|n| (n != "0").then_some(&**n)).collect();
                open.arrive(&values);
                for key in keys {
                    self.last += 1;
                    self.lines.entry(key).or_default().insert(self.last, false);
                    self.key_of.insert(self.last, key);
                }
                if self.away {
                    open.serve(&[]);
                }
            }
            Step::End(which, ending) => self.end(&open, which, ending),
            Step::Hold | Step::Back => {
                self.away = matches!(step, Step::Hold);
                open.serve(if self.away { &[] } else { &["a"] });
            }
            Step::ReleaseOrderKeys => {
                open.ledger.release_order_keys(&[handler("a")]).unwrap();
                for line in self.lines.values_mut() {
                    // A dead delivery that blocks its key is always the first.
                    line.retain(|_, dead| !*dead);
                }
            }
            Step::Reopen => return open.reopen(engine),
        }
        open
    }

    fn end(&mut self, open: &Open, which: usize, ending_: Ending) {
        let runnable = open.runnable();
        if runnable.is_empty() {
            return;
        }
        let delivery = &runnable[which % runnable.len()];
        let seq = delivery.id.0;
        let key = self.key_of[&seq];
        let line = self.lines.get_mut(&key).unwrap();
        let mut blocks_when_dead = false;
        let next = match ending_ {
            Ending::Done => {
                self.done.entry(key).or_default().push(seq);
                line.remove(&seq);
                NextState::Done
            }
            Ending::Ignored => {
                line.remove(&seq);
                NextState::Ignored
            }
            Ending::Retry(wait) => NextState::Retrying {
                due: STEADY + ms(wait),
            },
            Ending::Dead { holds } => {
                blocks_when_dead = holds;
                match holds && key != 0 {
                    true => line.insert(seq, true),
                    false => line.remove(&seq),
                };
                NextState::Dead
            }
        };
        let mut completion = ending(delivery, next);
        completion.order.blocks_when_dead = blocks_when_dead;
        assert_eq!(open.complete(completion).unwrap(), Completed::Committed);
    }

    fn check(&self, open: &Open) {
        let expected = if self.away {
            Vec::new()
        } else {
            self.expected()
        };
        assert_eq!(seqs(&open.runnable()), expected);
        for (key, done) in &self.done {
            assert!(*key == 0 || done.is_sorted(), "{key}: {done:?}");
        }
    }
}

pub fn random_histories_keep_the_order(engine: &dyn Engine) {
    let config = Config {
        cases: 1,
        failure_persistence: None,
        ..Config::default()
    };
    // One long history, since each store is opened but once anew.
    let histories = prop::collection::vec(step(), 300..500);
    TestRunner::new(config)
        .run(&histories, |history| {
            let mut open = Open::new(engine);
            let mut lines = Lines::default();
            for step in history {
                open = lines.step(open, engine, step);
                lines.check(&open);
            }
            Ok(())
        })
        .unwrap();
}
