//! The lanes against a model of the ledger, under every interleaving that chance finds.

mod model;

use std::time::Duration;

use proptest::prelude::*;

use self::model::{BOUNDS, Model, Op, op};
use super::harness::ms;
use crate::outbox::memory::Load;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_request_goes_once_and_in_order(ops in prop::collection::vec(op(), 0..300)) {
        let mut model = Model::new();
        for op in ops {
            model.apply(op);
        }
        model.drain();
        prop_assert_eq!((model.sent.len() + model.cancelled.len()) as i64, model.last);
    }
}

/// A handler whose receiver is down, with far more requests than memory holds, keeps
/// nobody out, although all of its requests wait for their next try.
#[test]
fn a_stuck_handler_does_not_keep_others_out() {
    let mut model = Model::new();
    for _ in 0..500 {
        model.commit(0, 0, None, false);
        model.commit(1, 0, None, false);
    }
    for _ in 0..400 {
        model.turn(100);
        while let Some(id) = model.ids().first().copied() {
            let hour = Duration::from_secs(3600);
            let stuck = model.waiting[&id].handler.as_str() != "c";
            model.end(0, stuck.then_some(hour));
            if !stuck {
                assert_eq!(id, 1001);
                return;
            }
        }
        model.now = model.now + ms(1);
        if model.last == 1000 {
            model.commit(2, 0, Some(1), false);
        }
    }
    panic!("the third handler's request never went");
}

/// A host that takes nothing keeps no other host's requests waiting: neither requests that lie
/// behind a thousand of its own in the ledger, nor requests that come later.
#[test]
fn a_slow_host_does_not_keep_others_out() {
    let mut model = Model::new();
    model.apply(Op::Host { host: 0 });
    for n in 0..1000 {
        model.commit(0, 0, (n % 2 == 0).then_some((n % 50) as u8), n % 10 == 0);
    }
    model.commit(0, 1, None, false);
    let mut expected = 1001;
    for n in 0..300 {
        model.turn(10);
        for id in model.ids() {
            assert_eq!(id, expected);
            model.end(0, None);
            // Of a key of its own, or of none.
            model.commit(0, 1, (n % 2 == 0).then_some(200), n % 7 == 0);
            expected += 1;
        }
        model.now = model.now + ms(100);
    }
    assert!(expected > 1020, "only {expected}");
    model.drain();
    assert_eq!(model.sent.len() as i64, model.last);
}

/// A host that takes requests and never answers takes no place that another one of the same handler
/// could use, although all of its requests are older.
#[test]
fn a_host_that_does_not_answer_does_not_keep_others_out() {
    let mut model = Model::new();
    for _ in 0..100 {
        model.commit(0, 0, None, false);
    }
    model.turn(10);
    assert_eq!(model.ids(), [1, 2, 3], "every place of the handler");
    model.now = model.now + ms(1);
    model.commit(0, 1, None, false);
    model.turn(10);
    // A try is given up.
    model.end(0, Some(Duration::from_secs(60)));
    model.turn(10);
    assert!(model.ids().contains(&101), "{:?}", model.ids());
    model.drain();
}

/// Handlers whose requests fill memory and cannot go make room for a handler that comes later.
#[test]
fn memory_is_shared_out_anew_when_a_handler_comes() {
    let mut model = Model::new();
    model.apply(Op::Host { host: 0 });
    for _ in 0..100 {
        model.commit(0, 0, None, false);
        model.commit(1, 0, None, false);
    }
    model.turn(10);
    assert_eq!(model.lanes.load().requests, BOUNDS.all.requests);
    for _ in 0..4 {
        model.commit(2, 1, None, false);
    }
    model.turn(10);
    assert!(model.ids().iter().all(|id| *id > 200));
    assert_eq!(model.under_way.len(), 2, "its share of eight is two");
    assert!(model.lanes.load().requests <= BOUNDS.all.requests);
    model.drain();
}

/// A long queue for one host costs others nothing, and a host that takes a few is filled up again
/// by a claim of a few.
#[test]
fn a_long_queue_for_one_host_is_not_read_again_and_again() {
    let mut model = Model::new();
    model.apply(Op::Host { host: 0 });
    for _ in 0..2_000 {
        model.commit(0, 0, None, false);
    }
    let turn = |model: &mut Model| {
        let before = model.claimed;
        model.turn(10);
        model.claimed - before
    };
    assert!(turn(&mut model) <= BOUNDS.lane.requests);
    for _ in 0..100 {
        model.commit(0, 1, None, false);
        assert_eq!(turn(&mut model), 0);
        assert_eq!(model.under_way.len(), 1);
        model.end(0, None);
    }
    model.apply(Op::Host { host: 0 });
    for done in 1..100 {
        let claimed = turn(&mut model);
        assert!(
            claimed <= BOUNDS.lane.requests,
            "{claimed} for one that went"
        );
        assert!(!model.under_way.is_empty(), "after {done}");
        model.end(0, None);
    }
    // They go in the order of their commits.
    assert!(model.sent.contains(&99));
    assert!(!model.sent.contains(&110));
}

/// A request that was to wait for an hour in the ledger goes at once.
#[test]
fn what_is_made_due_goes_although_memory_does_not_hold_it() {
    let mut model = Model::new();
    for _ in 0..50 {
        model.commit(0, 0, None, true);
    }
    let hour = Duration::from_secs(3600);
    model
        .waiting
        .values_mut()
        .for_each(|one| one.due = one.due + hour);
    for _ in 0..20 {
        model.turn(10);
    }
    assert!(model.under_way.is_empty() && model.lanes.load() == Load::default());
    let last = model.waiting.len() - 1;
    model.apply(Op::Hasten { which: last });
    model.turn(10);
    assert_eq!(model.ids(), [50]);
}
