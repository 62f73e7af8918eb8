//! Leases of deliveries: who may run what, and whose end counts.

use super::*;

impl Open {
    /// Claims what may run now, `limit` at most.
    fn claim_some(&self, of: &str, limit: usize) -> Claimed {
        let all = usize::MAX >> 1;
        self.ledger.claim(&handler(of), STEADY, limit, all).unwrap()
    }

    /// Completes under this lease.
    fn complete_under(&self, leased: &LeasedDelivery, next: NextState) -> Completed {
        let mut completion = ending(&leased.delivery, next);
        completion.token = leased.lease.token();
        self.complete_as(completion).unwrap()
    }
}

fn ids(leased: &[LeasedDelivery]) -> Vec<i64> {
    leased.iter().map(|leased| leased.delivery.id.0).collect()
}

fn only(mut leased: Vec<LeasedDelivery>) -> LeasedDelivery {
    assert_eq!(leased.len(), 1);
    leased.remove(0)
}

pub fn nobody_else_gets_what_is_leased(engine: &dyn Engine) {
    let open = Open::new(engine);
    for n in 0..5 {
        open.deliver(&format!("evt_{n}"), &["a"]);
    }
    assert!(
        open.claim_some("a", 9).leased.is_empty(),
        "the sink has all"
    );
    open.give_back("a", |_| false);
    let first = open.claim_some("a", 2);
    assert!(first.more);
    let second = open.claim_some("a", 9);
    assert!(!second.more);
    let mut all = ids(&first.leased);
    assert_eq!(all.len(), 2);
    all.extend(ids(&second.leased));
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted(), "each once, in the order of arrival");
    assert!(open.claim_some("a", 9).leased.is_empty());
}

pub fn what_is_given_back_can_be_claimed_again(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["a", "b"]);
    open.complete(ending(&of[0], NextState::Retrying { due: STEADY }))
        .unwrap();
    for name in ["a", "b"] {
        open.give_back(name, |_| false);
        let first = only(open.claim_some(name, 9).leased);
        assert!(open.claim_some(name, 9).leased.is_empty());
        let token = first.lease.token();
        drop(first);
        let again = only(open.claim_some(name, 9).leased);
        assert_ne!(again.lease.token(), token);
        let done = open.complete_under(&again, NextState::Done);
        assert_eq!(done, Completed::Committed);
    }
}

/// A gateway was cut off, and comes back after another gateway has got its deliveries.
pub fn a_stale_token_commits_nothing(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.deliver("evt_1", &["a"]);
    open.give_back("a", |_| false);
    let first = only(open.claim_some("a", 1).leased);
    let late = || {
        let mut completion = writing(&first.delivery, &[("k", set("late"))]);
        completion.effects.outbox.push(request("late"));
        completion.token = first.lease.token();
        completion
    };
    // As if the first lease had expired.
    let (late_one, late_two) = (late(), late());
    drop(first);
    assert_eq!(open.complete_as(late_one), Ok(Completed::LeaseLost));
    let second = only(open.claim_some("a", 1).leased);
    assert_eq!(open.complete_as(late_two), Ok(Completed::LeaseLost));
    assert_eq!(open.value("a", "k"), None);
    assert!(open.sink.requests().is_empty());
    assert_eq!(second.delivery.attempts, 0, "it is no attempt");
    let done = open.complete_under(&second, NextState::Done);
    assert_eq!(done, Completed::Committed);
}

pub fn a_lease_outlives_a_conflict_and_ends_with_a_commit(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.deliver("evt_1", &["a"]);
    open.give_back("a", |_| false);
    let leased = only(open.claim_some("a", 1).leased);
    let mut conflicting = writing(&leased.delivery, &[]);
    conflicting.token = leased.lease.token();
    conflicting.reads = vec![Read::Key {
        key: "k".into(),
        version: Version(7),
    }];
    assert_eq!(open.complete_as(conflicting), Ok(Completed::Conflict));
    assert!(open.claim_some("a", 9).leased.is_empty(), "it runs anew");
    let again = open.complete_under(&leased, NextState::Retrying { due: STEADY });
    assert_eq!(again, Completed::Committed);
    // The lease has ended, although its holder has not dropped it yet.
    let retry = only(open.claim_some("a", 9).leased);
    assert_eq!(retry.delivery.attempts, 1);
    // Nor does dropping it end the lease that came after it.
    drop(leased);
    assert!(open.claim_some("a", 9).leased.is_empty());
    let mut other = ending(&retry.delivery, NextState::Done);
    other.attempt.number = 1;
    other.token = retry.lease.token();
    let other = open.complete_as(other);
    assert_eq!(other, Ok(Completed::Stale), "it waits for another attempt");
    assert_eq!(only(open.claim_some("a", 9).leased).delivery.attempts, 1);
}

pub fn what_a_commit_hands_out_is_leased_by_it(engine: &dyn Engine) {
    let open = Open::new(engine);
    let key = OrderKey::new(&handler("a"), "x");
    let to = |_| {
        vec![Recipient {
            handler: handler("a"),
            key: Some(key),
        }]
    };
    let events = (0..3).map(|n| NewEvent {
        handlers: to(n),
        ..event(&format!("evt_{n}"), b"{}", &[])
    });
    open.record(events.collect());
    let first = open.sink.deliveries();
    assert_eq!(first.len(), 1, "the others stand behind it");
    assert!(open.claim(&handler("a"), LATEST).is_empty());
    open.complete(ending(&first[0], NextState::Done)).unwrap();
    assert_eq!(open.sink.released().len(), 1);
    assert!(open.claim(&handler("a"), LATEST).is_empty());
    // Deliveries of events that an operator routes anew are handed out in the same manner.
    let action = Action::Route(vec![RoutedAnew {
        event: first[0].event.clone(),
        handlers: vec![handler("b").into()],
        resolve: false,
    }]);
    assert_eq!(open.ask(action), [Intervened::Routed(1)]);
    assert_eq!(open.sink.deliveries().len(), 1);
    assert!(open.claim(&handler("b"), LATEST).is_empty());
    open.give_back("b", |_| false);
    assert_eq!(open.claim(&handler("b"), LATEST).len(), 1);
}

pub fn a_claim_takes_some_of_each_kind(engine: &dyn Engine) {
    let open = Open::new(engine);
    for n in 0..12 {
        let delivery = &open.deliver(&format!("evt_{n}"), &["a"])[0];
        if n < 6 {
            open.complete(ending(delivery, NextState::Retrying { due: STEADY }))
                .unwrap();
        }
    }
    open.give_back("a", |_| false);
    let attempts = |limit| -> Vec<u32> {
        let claimed = open.claim_some("a", limit);
        let attempts = claimed.leased.iter().map(|leased| leased.delivery.attempts);
        attempts.collect()
    };
    assert_eq!(attempts(1), [1], "a retry is the older one");
    assert_eq!(attempts(4), [1, 1, 0, 0]);
    assert_eq!(attempts(10), [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
    assert_eq!(attempts(12).len(), 12);
    let all = open.claim_some("a", 7);
    assert_eq!(all.leased.len(), 7);
    assert!(all.more);
    assert_eq!(attempts(7).len(), 5, "what one kind leaves, the other gets");
}

pub fn a_held_delivery_is_claimed_once_it_is_served(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.serve(&["a"]);
    let of = open.deliver("evt_1", &["a", "b"]);
    open.give_back("b", |_| false);
    assert_eq!(open.serve(&["a"]), (1, 0), "nobody serves the other one");
    assert!(open.claim(&handler("b"), LATEST).is_empty());
    assert_eq!(open.serve(&["a", "b"]), (0, 1));
    let back = open.claim(&handler("b"), LATEST);
    assert_eq!(ids(&back), [of[1].id.0]);
    // One that is under way while its handler leaves and comes back runs once.
    assert_eq!(open.serve(&["a"]), (1, 0));
    assert_eq!(open.serve(&["a", "b"]), (0, 1));
    assert!(open.claim(&handler("b"), LATEST).is_empty());
    let done = open.complete_under(&back[0], NextState::Done);
    assert_eq!(done, Completed::Committed);
}

pub fn a_lease_does_not_outlive_its_process(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.deliver("evt_1", &["a"]);
    assert!(open.claim(&handler("a"), LATEST).is_empty());
    let (clock, sink) = (open.clock.clone(), open.sink.clone());
    engine.crash(open.ledger);
    let open = Open::with(engine, clock);
    let found = open.claim(&handler("a"), LATEST);
    assert_eq!(found.len(), 1);
    // Leases of the process before end nothing.
    drop(sink);
    assert!(open.claim(&handler("a"), LATEST).is_empty());
}

/// The ledger as a second gateway has it, beside an open one.
struct Second {
    ledger: Arc<dyn Ledger>,
    _sink: Arc<Collected>,
}

impl Second {
    fn beside(engine: &dyn Engine, first: &Open) -> Self {
        let sink = Arc::<Collected>::default();
        Self {
            ledger: engine.open_beside(&first.ledger, first.clock.clone(), sink.clone()),
            _sink: sink,
        }
    }

    fn claim(&self, of: &str, limit: usize) -> Vec<LeasedDelivery> {
        claim(&*self.ledger, of, limit)
    }
}

fn claim(ledger: &dyn Ledger, of: &str, limit: usize) -> Vec<LeasedDelivery> {
    let all = usize::MAX >> 1;
    let claimed = ledger.claim(&handler(of), STEADY, limit, all).unwrap();
    claimed.leased
}

/// Completes through this ledger under this token, with a write to state.
fn complete_by(ledger: &dyn Ledger, delivery: &Delivery, token: Token) -> Completed {
    let mut completion = writing(delivery, &[("n", StateWrite::Add(1))]);
    completion.token = token;
    let (answer, answered) = std::sync::mpsc::channel();
    ledger.complete_then(
        completion,
        Box::new(move |result| answer.send(result).unwrap()),
    );
    answered.recv().unwrap().unwrap()
}

pub fn two_claimers_share_the_deliveries(engine: &dyn Engine) {
    let open = Open::new(engine);
    let many = 60;
    for n in 0..many {
        open.deliver(&format!("evt_{n}"), &["a"]);
    }
    open.give_back("a", |_| false);
    let second = Second::beside(engine, &open);
    // Each thread completes or gives back the deliveries that it claims, until none is left.
    let work = |ledger: &dyn Ledger| {
        let mut completed = 0;
        let mut idle = 0;
        while idle < 50 {
            let leased = claim(ledger, "a", 3);
            idle = if leased.is_empty() { idle + 1 } else { 0 };
            for (n, LeasedDelivery { delivery, lease }) in leased.into_iter().enumerate() {
                if n == 2 {
                    drop(lease);
                    continue;
                }
                let answer = complete_by(ledger, &delivery, lease.token());
                assert_eq!(answer, Completed::Committed, "its lease is in force");
                completed += 1;
            }
            std::thread::yield_now();
        }
        completed
    };
    let completed: usize = std::thread::scope(|scope| {
        let first = scope.spawn(|| work(&*open.ledger));
        let second = scope.spawn(|| work(&*second.ledger));
        first.join().unwrap() + second.join().unwrap()
    });
    assert_eq!(completed, many, "each once");
    assert_eq!(open.value("a", "n").unwrap(), many.to_string().as_bytes());
    assert_eq!(open.deliveries_in(DeliveryState::Done), many as u64);
}

pub fn a_claimer_takes_over_what_another_gives_back(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["a"]).remove(0);
    open.give_back("a", |_| false);
    let second = Second::beside(engine, &open);
    let lease = only(open.claim_some("a", 9).leased).lease;
    assert!(second.claim("a", 9).is_empty(), "the first holds it");
    let stale = lease.token();
    drop(lease);
    // Another gateway finds it a moment later.
    let found = parking_lot::Mutex::new(Vec::new());
    until(|| {
        found.lock().extend(second.claim("a", 9));
        !found.lock().is_empty()
    });
    let taken = only(found.into_inner());
    assert!(taken.lease.token().0 > stale.0, "tokens rise");
    assert!(open.claim_some("a", 9).leased.is_empty());
    // The first claimer comes back with its old token.
    assert_eq!(complete_by(&*open.ledger, &of, stale), Completed::LeaseLost);
    assert_eq!(open.value("a", "n"), None);
    assert_eq!(open.deliveries_in(DeliveryState::Pending), 1);
    let token = taken.lease.token();
    let done = complete_by(&*second.ledger, &taken.delivery, token);
    assert_eq!(done, Completed::Committed);
    let mut late = writing(&of, &[("n", StateWrite::Add(1))]);
    (late.token, late.attempt.duration_us) = (stale, 7);
    late.attempt.started = late.attempt.started + ms(1);
    assert_eq!(open.complete_as(late), Ok(Completed::LeaseLost));
    assert_eq!(open.value("a", "n").unwrap(), b"1");
}

pub fn a_lease_that_has_ended_gives_nothing_up(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.deliver("evt_1", &["a"]);
    open.give_back("a", |_| false);
    let second = Second::beside(engine, &open);
    let first = only(open.claim_some("a", 9).leased);
    let next = NextState::Retrying { due: STEADY };
    assert_eq!(open.complete_under(&first, next), Completed::Committed);
    let taken = only(second.claim("a", 9));
    // The first claimer still holds its lease, which ended with its commit.
    open.ledger
        .give_up(&first.lease, OrderEffect::default())
        .unwrap();
    assert_eq!(open.deliveries_in(DeliveryState::Dead), 0);
    assert_eq!(open.deliveries_in(DeliveryState::Retrying), 1);
    second
        .ledger
        .give_up(&taken.lease, OrderEffect::default())
        .unwrap();
    assert_eq!(open.deliveries_in(DeliveryState::Dead), 1);
}
