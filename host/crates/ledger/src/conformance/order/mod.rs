//! Deliveries of one order key run one after another.

mod histories;
mod newest;

use super::*;

pub use histories::random_histories_keep_the_order;
pub use newest::{
    the_newest_is_forgotten_with_what_it_is_compared_to,
    the_newest_stays_while_something_older_is_kept,
};

fn key(of: &str, value: &str) -> OrderKey {
    OrderKey::new(&handler(of), value)
}

/// An event for handler `a`, with this key.
fn keyed(id: &str, value: Option<&str>) -> NewEvent {
    NewEvent {
        handlers: vec![Recipient {
            handler: handler("a"),
            key: value.map(|value| key("a", value)),
        }],
        ..event(id, b"{}", &[])
    }
}

impl Open {
    /// Records events for handler `a` with these keys, and returns the deliveries that may run.
    fn arrive(&self, keys: &[Option<&str>]) -> Vec<Delivery> {
        let id = |n: usize| format!("evt_{}", self.ledger.counts().unwrap().events as usize + n);
        let events = keys.iter().enumerate();
        self.record(events.map(|(n, value)| keyed(&id(n), *value)).collect());
        self.sink.deliveries()
    }

    fn ends(&self, delivery: &Delivery, next: NextState) {
        let answer = self.complete(ending(delivery, next)).unwrap();
        assert_eq!(answer, Completed::Committed);
    }

    /// The deliveries that handler `a` could run if all due times had come.
    fn runnable(&self) -> Vec<Delivery> {
        let mut found = self.due("a", LATEST);
        found.sort_by_key(|delivery| delivery.id.0);
        found
    }
}

fn seqs(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(|delivery| delivery.id.0).collect()
}

pub fn later_ones_of_a_key_wait_for_their_turn(engine: &dyn Engine) {
    let open = Open::new(engine);
    let arrived = open.arrive(&[Some("x"), Some("x"), Some("y"), None, Some("x"), None]);
    let first = arrived[0].id.0;
    let place = |n: i64| first + n;
    let runnable = [0, 2, 3, 5].map(place);
    assert_eq!(seqs(&arrived), runnable);
    assert_eq!(seqs(&open.pending("a")), runnable);
    assert_eq!(arrived[0].key, Some(key("a", "x")));
    assert_eq!(open.deliveries_in(DeliveryState::Pending), 6);

    let ahead_of_time = Delivery {
        id: DeliveryId(place(1)),
        ..arrived[0].clone()
    };
    let early = open.complete(ending(&ahead_of_time, NextState::Done));
    assert_eq!(early.unwrap(), Completed::LeaseLost);

    open.ends(&arrived[0], NextState::Done);
    let second = open.sink.released();
    assert_eq!(seqs(&second), [place(1)]);
    assert_eq!(second[0].event.provider_id.as_deref(), Some("evt_1"));
    assert_eq!(
        (second[0].attempts, second[0].key),
        (0, Some(key("a", "x")))
    );
    assert_eq!(
        seqs(&open.due("a", SteadyTime::ZERO)),
        [1, 2, 3, 5].map(place),
        "at once, whatever the clock says"
    );
    open.ends(&second[0], NextState::Ignored);
    let third = open.sink.released();
    assert_eq!(seqs(&third), [place(4)]);
    open.ends(&third[0], NextState::Done);
    assert!(open.sink.released().is_empty());

    // A key that nobody holds is free.
    assert_eq!(open.arrive(&[Some("x"), Some("x")]).len(), 1);
}

pub fn one_that_is_tried_again_holds_its_key(engine: &dyn Engine) {
    let open = Open::new(engine);
    let arrived = open.arrive(&[Some("x"), Some("x"), Some("y")]);
    open.ends(
        &arrived[0],
        NextState::Retrying {
            due: STEADY + ms(5),
        },
    );
    assert!(open.sink.released().is_empty());
    assert!(open.arrive(&[Some("x")]).is_empty());
    open.ends(&arrived[1], NextState::Done);
    let again = open.due("a", STEADY + ms(5));
    assert_eq!(seqs(&again), seqs(&arrived[..1]));
    open.ends(&again[0], NextState::Done);
    assert_eq!(seqs(&open.sink.released()), [arrived[0].id.0 + 1]);
}

pub fn a_dead_one_holds_its_key_where_that_is_asked_for(engine: &dyn Engine) {
    let open = Open::new(engine);
    let arrived = open.arrive(&[Some("x"), Some("x"), Some("y"), Some("y")]);
    open.ends(&arrived[0], NextState::Dead);
    assert_eq!(seqs(&open.sink.released()), [arrived[0].id.0 + 1]);

    let mut dead = ending(&arrived[1], NextState::Dead);
    dead.order.blocks_when_dead = true;
    assert_eq!(open.complete(dead).unwrap(), Completed::Committed);
    assert!(open.sink.released().is_empty());
    assert!(open.arrive(&[Some("y")]).is_empty());
    // The handler's settings change.
    assert_eq!(open.ledger.release_order_keys(&[handler("b")]).unwrap(), 0);
    assert!(open.sink.released().is_empty());
    assert_eq!(open.ledger.release_order_keys(&[handler("a")]).unwrap(), 1);
    let next = open.sink.released();
    assert_eq!(seqs(&next), [arrived[1].id.0 + 1]);
    assert_eq!(open.ledger.release_order_keys(&[handler("a")]).unwrap(), 0);
    open.ends(&next[0], NextState::Done);
    assert_eq!(open.sink.released().len(), 1);
}

pub fn one_that_is_given_up_makes_way(engine: &dyn Engine) {
    let open = Open::new(engine);
    let arrived = open.arrive(&[Some("x"), Some("x"), Some("x")]);
    open.give_up(&arrived[0], OrderEffect::default());
    let next = open.sink.released();
    assert_eq!(seqs(&next), [arrived[0].id.0 + 1]);
    open.leased(&next[0], |lease| open.ledger.start_alone(lease))
        .unwrap();
    assert!(
        open.sink.released().is_empty(),
        "it runs alone, and holds its key"
    );
    let holds = OrderEffect {
        blocks_when_dead: true,
        rank: None,
    };
    open.give_up(&next[0], holds);
    assert!(open.sink.released().is_empty());
    assert!(open.runnable().is_empty());
}

pub fn the_order_outlives_a_restart(engine: &dyn Engine) {
    let open = Open::new(engine);
    let arrived = open.arrive(&[Some("x"), Some("x"), Some("x"), None]);
    open.ends(&arrived[0], NextState::Done);
    let place = |n: i64| arrived[0].id.0 + n;
    let open = open.reopen(engine);
    assert_eq!(seqs(&open.pending("a")), [place(1), place(3)]);
    assert!(open.arrive(&[Some("x")]).is_empty());
    open.ends(
        &open.due("a", SteadyTime::ZERO)[0],
        NextState::Retrying { due: STEADY },
    );
    let open = open.reopen(engine);
    open.ends(&open.due("a", STEADY)[0], NextState::Done);
    assert_eq!(seqs(&open.sink.released()), [place(2)]);
}

pub fn what_is_held_keeps_its_order(engine: &dyn Engine) {
    let open = Open::new(engine);
    let arrived = open.arrive(&[Some("x"), Some("x"), Some("x"), Some("y"), Some("y")]);
    open.ends(&arrived[0], NextState::Done);
    let place = |n: i64| arrived[0].id.0 + n;
    assert_eq!(open.serve(&[]), (4, 0));
    assert_eq!(open.deliveries_in(DeliveryState::Held), 4);
    let under_way = |delivery| delivery == arrived[1].id;
    assert!(open.due_beside("a", LATEST, under_way).is_empty());
    open.sink.released();
    // A delivery that arrives for a key with a held delivery is held at once, and handed to nobody.
    assert!(open.arrive(&[Some("y")]).is_empty());
    assert_eq!(open.deliveries_in(DeliveryState::Held), 5);
    // One that was under way ends while its handler is away.
    open.ends(&arrived[1], NextState::Done);
    assert!(open.sink.released().is_empty());
    assert_eq!(open.serve(&["a"]), (0, 4));
    assert_eq!(seqs(&open.pending("a")), [place(1), place(4)]);
    open.ends(&open.pending("a")[0], NextState::Done);
    assert_eq!(seqs(&open.sink.released()), [place(2)]);
}

pub fn behind_a_dead_one_of_an_absent_handler_is_held(engine: &dyn Engine) {
    let open = Open::new(engine);
    let arrived = open.arrive(&[Some("x"), Some("x")]);
    let mut dead = ending(&arrived[0], NextState::Dead);
    dead.order.blocks_when_dead = true;
    open.complete(dead).unwrap();
    assert_eq!(open.serve(&[]), (1, 0));
    assert!(open.arrive(&[Some("x")]).is_empty());
    assert_eq!(open.deliveries_in(DeliveryState::Held), 2);
    assert_eq!(open.deliveries_in(DeliveryState::Pending), 0);
    assert_eq!(open.serve(&["a"]), (0, 2));
    assert!(open.runnable().is_empty(), "they stand behind it still");
    open.ledger.release_order_keys(&[handler("a")]).unwrap();
    assert_eq!(seqs(&open.runnable()), [arrived[0].id.0 + 1]);
}

pub fn what_an_operator_does_keeps_the_order(engine: &dyn Engine) {
    let open = Open::new(engine);
    let ask = |action| open.ask(action);
    let replay = |deliveries| Action::Replay {
        deliveries,
        keys: ReplayKeys::New,
        component: ReplayComponent::Current,
        refetch: None,
    };
    let arrived = open.arrive(&[Some("x"), Some("x"), Some("x"), Some("x")]);
    let place = |n: i64| DeliveryId(arrived[0].id.0 + n);
    open.ends(&arrived[0], NextState::Dead);
    let second = open.sink.released();
    // The replay comes after the delivery that has its turn, and before deliveries that came later.
    assert_eq!(ask(replay(vec![place(0)])), [Intervened::Done]);
    assert_eq!(seqs(&open.runnable()), [place(1).0]);
    open.ends(&second[0], NextState::Done);
    let first = open.sink.released();
    assert_eq!((first[0].id, first[0].run), (place(0), 1));
    assert_eq!(ask(Action::Cancel(vec![place(2)])), [Intervened::Done]);
    let mut dead = ending(&first[0], NextState::Dead);
    dead.order.blocks_when_dead = true;
    open.complete(dead).unwrap();
    assert!(open.runnable().is_empty());
    // A replay of the delivery that holds the key runs at once. After the key is released, the next
    // delivery runs too.
    assert_eq!(ask(replay(vec![place(0)])), [Intervened::Done]);
    let mut dead = ending(&open.runnable()[0], NextState::Dead);
    dead.order.blocks_when_dead = true;
    open.complete(dead).unwrap();
    assert_eq!(ask(Action::Cancel(vec![place(0)])), [Intervened::Done]);
    assert_eq!(seqs(&open.sink.released()), [place(3).0]);
    let again = ask(Action::Cancel(vec![place(0)]));
    assert_eq!(again, [Intervened::State(DeliveryState::Dead)]);
    assert_eq!(ask(Action::Cancel(vec![place(3)])), [Intervened::Done]);
    assert!(open.runnable().is_empty());
    assert_eq!(open.arrive(&[Some("x")]).len(), 1, "the key is free");
}

/// A run that an operator cancelled and replayed is still under way when the process ends.
pub fn a_crash_lets_nobody_past(engine: &dyn Engine) {
    let open = Open::new(engine);
    let arrived = open.arrive(&[Some("x"), Some("x")]);
    open.leased(&arrived[0], |lease| open.ledger.started(lease));
    let ask = |action| assert_eq!(open.ask(action), [Intervened::Done]);
    ask(Action::Cancel(vec![arrived[0].id]));
    ask(Action::Replay {
        deliveries: vec![arrived[0].id],
        keys: ReplayKeys::New,
        component: ReplayComponent::Current,
        refetch: None,
    });
    let second = arrived[0].id.0 + 1;
    assert_eq!(seqs(&open.runnable()), [second]);
    engine.crash(open.ledger);
    let open = Open::new(engine);
    assert_eq!(seqs(&open.runnable()), [second]);
    open.ends(&open.runnable()[0], NextState::Done);
    let first = open.sink.released();
    assert_eq!(seqs(&first), [arrived[0].id.0]);
    assert_eq!((first[0].attempts, first[0].crashes), (0, 0));
}

pub fn an_older_one_is_not_done_after_a_newer_one(engine: &dyn Engine) {
    let open = Open::new(engine);
    let done = |open: &Open, rank: Rank| {
        let delivery = match &open.arrive(&[Some("x")])[..] {
            [delivery] => delivery.clone(),
            other => panic!("{other:?}"),
        };
        let mut completion = writing(&delivery, &[("k", StateWrite::Add(1))]);
        completion.order.rank = Some(rank);
        let answer = open.complete(completion).unwrap();
        if answer == Completed::Conflict {
            let mut ignored = ending(&delivery, NextState::Ignored);
            ignored.order.rank = Some(rank);
            assert_eq!(open.complete(ignored).unwrap(), Completed::Committed);
        }
        answer
    };
    let newest = |open: &Open, of| open.ledger.newest(&key("a", of)).unwrap();
    assert_eq!(newest(&open, "x"), None);
    assert_eq!(done(&open, Rank::Whole(10)), Completed::Committed);
    assert_eq!(done(&open, Rank::Whole(9)), Completed::Conflict);
    let same = done(&open, Rank::Whole(10));
    assert_eq!(same, Completed::Committed, "as new is not older");
    assert_eq!(done(&open, Rank::Real(10.5)), Completed::Committed);
    let open = open.reopen(engine);
    assert_eq!(newest(&open, "x"), Some(Rank::Real(10.5)));
    assert_eq!(newest(&open, "y"), None);
    assert_eq!(done(&open, Rank::Whole(10)), Completed::Conflict);
    assert_eq!(done(&open, Rank::Whole(11)), Completed::Committed);
    assert_eq!(open.value("a", "k").unwrap(), b"4");
    assert_eq!(newest(&open, "x"), Some(Rank::Whole(11)));
}
