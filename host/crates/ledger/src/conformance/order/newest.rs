//! How long the newest fact of an order key is remembered.

use super::*;

/// A day for events.
fn day() -> Arc<Retention> {
    super::retention::days()
}

const DAY: Duration = Duration::from_secs(86_400);

impl Open {
    /// Lets handler `a` complete an event of this rank, unless the event is superseded.
    fn does(&self, delivery: &Delivery, rank: i64) -> Completed {
        let mut completion = ending(delivery, NextState::Done);
        completion.order.rank = Some(Rank::Whole(rank));
        self.complete(completion).unwrap()
    }

    fn newest(&self) -> Option<Rank> {
        self.ledger.newest(&key("a", "x")).unwrap()
    }
}

pub fn the_newest_is_forgotten_with_what_it_is_compared_to(engine: &dyn Engine) {
    let open = Open::new(engine);
    let newest = &open.arrive(&[Some("x")])[0];
    assert_eq!(open.does(newest, 10), Completed::Committed);
    let older = &open.arrive(&[Some("x")])[0];
    assert_eq!(open.does(older, 9), Completed::Conflict);
    let mut ignored = ending(older, NextState::Ignored);
    ignored.attempt.started = START + DAY / 2;
    open.complete(ignored).unwrap();

    // The newer event goes; the older event can still be handled anew.
    open.sweep_at(START + DAY + DAY / 4, &day());
    assert_eq!(open.ledger.counts().unwrap().events, 1);
    let replay = Action::Replay {
        deliveries: vec![older.id],
        keys: ReplayKeys::New,
        component: ReplayComponent::Current,
        refetch: None,
    };
    assert_eq!(open.ask(replay), [Intervened::Done]);
    let again = &open.runnable()[0];
    assert_eq!(open.does(again, 9), Completed::Conflict);

    // A delivery that is still to run is compared, however long it waits.
    open.sweep_at(START + 100 * DAY, &day());
    assert_eq!(open.newest(), Some(Rank::Whole(10)));
    open.ends(again, NextState::Ignored);
    assert_eq!(open.newest(), Some(Rank::Whole(10)));
    open.sweep_at(START + 101 * DAY, &day());
    assert_eq!(open.ledger.counts().unwrap().events, 0);
    assert_eq!(open.newest(), None);
    let late = &open.arrive(&[Some("x")])[0];
    assert_eq!(open.does(late, 1), Completed::Committed);
}

pub fn the_newest_stays_while_something_older_is_kept(engine: &dyn Engine) {
    let open = Open::new(engine);
    let waits = &open.deliver("waits", &["b"])[0];
    let newest = &open.arrive(&[Some("x")])[0];
    assert_eq!(open.does(newest, 10), Completed::Committed);
    open.sweep_at(START + 100 * DAY, &day());
    assert_eq!(open.ledger.counts().unwrap().events, 1);
    assert_eq!(open.newest(), Some(Rank::Whole(10)));
    let ended = open.complete(ending(waits, NextState::Done)).unwrap();
    assert_eq!(ended, Completed::Committed);
    open.sweep_at(START + 102 * DAY, &day());
    assert_eq!(open.newest(), None);
}
