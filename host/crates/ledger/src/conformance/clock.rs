//! A time of day that is set.

use super::retention::days;
use super::*;
use tollgate_base::time::SteadyTime;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Open {
    /// Has a delivery wait for a retry that is far ahead, then brings it forward.
    fn bring_forward(&self, id: &str) -> DeliveryId {
        let delivery = &self.deliver(id, &["a"])[0];
        let far = NextState::Retrying {
            due: STEADY + 1000 * HOUR,
        };
        self.complete(ending(delivery, far)).unwrap();
        let came = self.ask(Action::Retry(vec![delivery.id]));
        assert_eq!(came, [Intervened::Done]);
        delivery.id
    }

    /// The delivery is due then.
    fn is_due_at(&self, delivery: DeliveryId, due: SteadyTime) {
        let found = |now| self.due("a", now).iter().any(|found| found.id == delivery);
        assert!(found(due) && !found(due - ms(1)));
    }
}

pub fn what_is_due_at_once_is_so_whatever_was_set(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.clock.advance(ms(7));
    for (id, set) in [("back", START - HOUR), ("forward", START + HOUR)] {
        open.clock.set(set);
        let brought = open.bring_forward(id);
        open.is_due_at(brought, STEADY + ms(7));
    }
    let delivery = &open.deliver("sends", &["b"])[0];
    let mut completion = ending(delivery, NextState::Done);
    completion.effects.outbox = vec![request("1")];
    open.complete(completion).unwrap();
    let queued = &open.sink.requests()[0];
    assert_eq!((queued.queued, queued.due), (START + HOUR, STEADY + ms(7)));
}

pub fn due_times_go_on_in_the_next_process(engine: &dyn Engine) {
    let open = Open::new(engine);
    let first = open.bring_forward("first");
    open.clock.set(START - 9 * HOUR);
    let open = open.reopen(engine);
    open.is_due_at(first, STEADY);
    let second = open.bring_forward("second");
    open.is_due_at(second, STEADY + HOUR);
}

pub fn with_nothing_due_they_begin_at_the_time_of_day(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.deliver("pending", &["b"]);
    open.clock.set(START + 9 * HOUR);
    let open = open.reopen(engine);
    let brought = open.bring_forward("first");
    open.is_due_at(brought, STEADY + 10 * HOUR);
}

pub fn what_waits_is_as_old_as_it_is(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = &open.deliver("evt_1", &["a"])[0];
    let next = NextState::Retrying {
        due: STEADY + ms(1000),
    };
    open.complete(ending(delivery, next)).unwrap();
    open.clock.set(START + HOUR);
    let oldest = || {
        let now = tollgate_base::time::Clock::now(&open.clock);
        open.ledger.backlog(now).unwrap().oldest
    };
    assert_eq!(oldest(), None, "it is not due");
    open.clock.advance(ms(1500));
    assert_eq!(
        oldest(),
        Some(START + HOUR + ms(1000)),
        "by the time of day"
    );
}

pub fn a_clock_that_is_set_forward_prunes_nothing(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.record(vec![event("evt_1", b"{}", &[])]);
    let pruned = || -> u64 {
        std::iter::from_fn(|| Some(open.ledger.sweep(&days()).unwrap()))
            .take_while(|swept| swept.more)
            .map(|swept| swept.pruned)
            .sum()
    };
    open.clock.set(START + 400 * DAY);
    assert_eq!(pruned(), 0);
    open.clock.advance(DAY);
    assert_eq!(pruned(), 1);
}

pub fn due_times_are_shown_by_the_time_of_day_that_is_set(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = &open.deliver("evt_1", &["a"])[0];
    let next = NextState::Retrying {
        due: STEADY + ms(1000),
    };
    open.complete(ending(delivery, next)).unwrap();
    let shown = || {
        let detail = open.ledger.delivery(delivery.id).unwrap().unwrap();
        detail.delivery.due_ms
    };
    assert_eq!(shown(), Some(START + ms(1000)));
    for set in [START + HOUR, START - HOUR] {
        open.clock.set(set);
        // Nobody tells the ledger, and nothing is written meanwhile.
        until(|| shown() == Some(set + ms(1000)));
    }
}
