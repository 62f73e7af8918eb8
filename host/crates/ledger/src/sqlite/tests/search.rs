//! A search finds what a look at every row finds.

use std::collections::HashSet;

use super::blocks::{BlockKeeper, Step};
use super::*;
use crate::conformance::{event_of, handler};
use crate::{
    Action, DeliveryId, DeliverySummary, EventSummary, Intervention, ListOrder, Listed, NewEvent,
    Operators, Page, RecordFilter, RecordList, Retention, RoutedAnew, StateFilter,
};
use tollgate_base::event::SourceName;
use tollgate_base::globs::EventPattern;
use tollgate_base::time::WallTime;

/// How many numbers a block covers here.
const NUMBERS: i64 = 16;
const HANDLERS: [&str; 3] = ["a", "b", "rare"];
const KINDS: [&str; 5] = ["order.paid", "order.sent", "order", "invoice.paid", "*"];
const HOUR: u64 = 3_600_000;

/// Makes all blocks that are to be made now.
fn make_blocks(ledger: &SqliteLedger) {
    let (reader, queue) = (Arc::clone(&ledger.reader), Arc::clone(&ledger.queue));
    let mut keeper = BlockKeeper::new(reader, queue, NUMBERS);
    while keeper.step().unwrap() != Step::Nothing {}
}

/// Goes on until the keeper has looked at every block in turn.
fn look_at_all_blocks(ledger: &SqliteLedger) {
    let (reader, queue) = (Arc::clone(&ledger.reader), Arc::clone(&ledger.queue));
    let mut keeper = BlockKeeper::new(reader, queue, NUMBERS);
    for _ in 0..2000 {
        keeper.step().unwrap();
    }
}

/// A ledger of random events.
struct World {
    engine: Sqlite,
    ledger: Arc<SqliteLedger>,
    open: Open,
    rng: fastrand::Rng,
    many: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let engine = Sqlite::with_small_blocks();
        let sink = Arc::<Collected>::default();
        let clock = ManualClock::at(START);
        let opened = SqliteLedger::open(engine.options(), clock.steady(), sink.clone());
        let ledger = Arc::new(opened.unwrap());
        let open = Open {
            ledger: ledger.clone(),
            sink,
            clock,
        };
        let rng = fastrand::Rng::with_seed(seed);
        Self {
            engine,
            ledger,
            open,
            rng,
            many: 0,
        }
    }

    fn event(&mut self) -> NewEvent {
        let rng = &mut self.rng;
        self.many += 1;
        let source = ["stripe", "stripe", "adyen"][rng.usize(..3)];
        let handlers: Vec<_> = HANDLERS
            .iter()
            .filter(|name| rng.usize(..if **name == "rare" { 40 } else { 2 }) == 0)
            .copied()
            .collect();
        let id = format!("evt_{}", self.many);
        let mut new = event_of(source, &id, b"{}", &handlers);
        new.event.kind = KINDS[rng.usize(..KINDS.len())].to_owned();
        new.event.subject = (rng.usize(..4) > 0).then(|| format!("cus_{}", rng.usize(..40)));
        new.event.account = (rng.usize(..2) > 0).then(|| format!("acct_{}", rng.usize(..3)));
        if rng.usize(..10) == 0 {
            new.event.provider_id = None;
        }
        // The clock is set back now and then.
        let hours = self.many as u64 - rng.u64(..3).min(self.many as u64);
        new.event.received = START + ms(hours * HOUR);
        new
    }

    /// Records events and ends some of their deliveries.
    fn record(&mut self, many: usize) {
        for _ in 0..many {
            let new = self.event();
            self.open.record(vec![new]);
        }
        for delivery in self.open.sink.deliveries() {
            let next = match self.rng.usize(..12) {
                0 => NextState::Dead,
                1 => NextState::Ignored,
                2 => NextState::Retrying {
                    due: STEADY + ms(HOUR),
                },
                3 => continue,
                _ => NextState::Done,
            };
            self.open.complete(ending(&delivery, next)).unwrap();
        }
    }

    /// Gives old events another delivery.
    fn route(&mut self) {
        for event in self.events(&RecordFilter::default()) {
            if self.rng.usize(..20) > 0 {
                continue;
            }
            let id = event.id.parse().unwrap();
            let event = self.ledger.event_to_run(id).unwrap().unwrap();
            let action = Action::Route(vec![RoutedAnew {
                event: Arc::new(event),
                handlers: vec![handler("rare").into()],
                resolve: false,
            }]);
            let intervention = Intervention {
                action,
                who: "me".to_owned(),
                why: String::new(),
                batch: None,
            };
            self.ledger.intervene(intervention).unwrap();
        }
    }

    /// Prunes about the older half of the events that have ended.
    fn prune(&self) {
        let hours = self.many as u64 / 2;
        let retention = Arc::new(Retention {
            events: Some(ms(hours * HOUR)),
            ..Retention::default()
        });
        let swept = self
            .open
            .sweep_at(START + ms(self.many as u64 * HOUR), &retention);
        assert!(swept.pruned > 0);
    }

    fn filter(&mut self) -> RecordFilter {
        let many = self.many as u64;
        let rng = &mut self.rng;
        let mut filter = RecordFilter::default();
        let time = |rng: &mut fastrand::Rng| Some(START + ms(rng.u64(..many + 5) * HOUR));
        // One or two parts: more would find nothing.
        for _ in 0..rng.usize(1..3) {
            match rng.usize(..9) {
                0 => filter.provider_id = Some(format!("evt_{}", rng.u64(..many + 5))),
                1 => filter.subject = Some(format!("cus_{}", rng.usize(..45))),
                2 => filter.account = Some(format!("acct_{}", rng.usize(..4))),
                3 => filter.source = Some(SourceName::new(["stripe", "adyen"][rng.usize(..2)])),
                4 => {
                    let patterns = ["order.*", "*.paid", "order", "*", "none*", "invoice.paid"];
                    let pattern = patterns[rng.usize(..patterns.len())];
                    filter.kind = Some(EventPattern::new(pattern));
                }
                5 => filter.handler = Some(handler(HANDLERS[rng.usize(..3)])),
                6 => {
                    let states = [
                        "pending", "running", "retrying", "held", "done", "ignored", "dead",
                        "unrouted", "blocked",
                    ];
                    filter.state = StateFilter::from_name(states[rng.usize(..states.len())]);
                }
                7 => filter.from = time(rng),
                _ => filter.to = time(rng),
            }
        }
        filter
    }

    fn events(&self, filter: &RecordFilter) -> Vec<EventSummary> {
        let page = page(ListOrder::Oldest, 7);
        walk(page, |page| self.ledger.events(filter, page).unwrap())
    }

    fn deliveries(&self, filter: &RecordFilter) -> Vec<DeliverySummary> {
        let page = page(ListOrder::Oldest, 7);
        walk(page, |page| self.ledger.deliveries(filter, page).unwrap())
    }
}

fn page(order: ListOrder, limit: usize) -> Page {
    Page {
        after: None,
        until: None,
        limit,
        order,
    }
}

/// Reads a list from page to page.
fn walk<T>(mut page: Page, list: impl Fn(&Page) -> Listed<T>) -> Vec<T> {
    let mut found = Vec::new();
    for _ in 0..10_000 {
        let listed = list(&page);
        assert!(listed.items.len() <= page.limit);
        found.extend(listed.items);
        page.after = listed.next;
        if page.after.is_none() {
            return found;
        }
    }
    panic!("a list without end");
}

fn takes(filter: &RecordFilter, (source, kind, received): (&str, &str, WallTime)) -> bool {
    let wanted = filter.source.as_ref();
    wanted.is_none_or(|wanted| wanted.as_str() == source)
        && filter.kind.as_ref().is_none_or(|kinds| kinds.matches(kind))
        && filter.from.is_none_or(|from| received >= from)
        && filter.to.is_none_or(|to| received < to)
}

fn takes_event(filter: &RecordFilter, event: &EventSummary) -> bool {
    let is = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
    let of_handler = |name: &str| {
        let wanted = filter.handler.as_ref();
        wanted.is_none_or(|wanted| wanted.as_str() == name)
    };
    let mut deliveries = event
        .deliveries
        .iter()
        .filter(|one| of_handler(&one.handler));
    let in_state = match filter.state {
        Some(StateFilter::Unrouted) => event.deliveries.is_empty() && filter.handler.is_none(),
        Some(StateFilter::Blocked) => deliveries.any(|one| one.blocked),
        Some(state) => deliveries.any(|one| one.state == state.name()),
        None => filter.handler.is_none() || deliveries.next().is_some(),
    };
    in_state
        && takes(filter, (&event.source, &event.kind, event.received_ms))
        && is(&filter.provider_id, &event.provider_id)
        && is(&filter.subject, &event.subject)
        && is(&filter.account, &event.account)
}

/// Compares searches with a look at everything.
fn compare(world: &mut World) {
    let all = RecordFilter::default();
    let (events, deliveries) = (world.events(&all), world.deliveries(&all));
    for _ in 0..25 {
        let filter = world.filter();
        let meant = events.iter().filter(|event| takes_event(&filter, event));
        let mut meant: Vec<_> = meant.map(|event| event.id.clone()).collect();
        // The events of a delivery are the ones that match without its own columns.
        let own = RecordFilter {
            handler: None,
            state: None,
            ..filter.clone()
        };
        let of = events.iter().filter(|event| takes_event(&own, event));
        let of: HashSet<_> = of.map(|event| event.id.as_str()).collect();
        let takes = |one: &&DeliverySummary| {
            let handler = filter.handler.as_ref();
            of.contains(one.event.as_str())
                && handler.is_none_or(|wanted| wanted.as_str() == one.handler)
                && filter.state.is_none_or(|state| match state {
                    StateFilter::Blocked => one.blocked_by.is_some(),
                    state => state.name() == one.state,
                })
        };
        let runs = deliveries.iter().filter(takes);
        let mut runs: Vec<_> = runs.map(|one| one.seq).collect();
        for order in [ListOrder::Oldest, ListOrder::Newest] {
            let limit = world.rng.usize(1..20);
            let found = walk(page(order, limit), |page| {
                world.ledger.events(&filter, page).unwrap()
            });
            let found: Vec<_> = found.into_iter().map(|event| event.id).collect();
            assert_eq!(found, meant, "{filter:?} {order:?} {limit}");
            let found = walk(page(order, limit), |page| {
                world.ledger.deliveries(&filter, page).unwrap()
            });
            let found: Vec<_> = found.into_iter().map(|one| one.seq).collect();
            assert_eq!(found, runs, "{filter:?} {order:?} {limit}");
            meant.reverse();
            runs.reverse();
        }
    }
}

#[test]
fn a_search_finds_what_a_look_at_every_row_finds() {
    for seed in 0..2 {
        let mut world = World::new(seed);
        world.record(40);
        compare(&mut world);
        make_blocks(&world.ledger);
        compare(&mut world);
        // Rows that are in no block yet, and later deliveries of old events.
        world.record(150);
        world.route();
        compare(&mut world);
        make_blocks(&world.ledger);
        world.record(9);
        compare(&mut world);
        world.prune();
        compare(&mut world);
        make_blocks(&world.ledger);
        compare(&mut world);
        // A block is missing: its rows are looked at one by one.
        let conn = world.engine.look();
        conn.execute("DELETE FROM search_blocks WHERE first % 48 = 0", [])
            .unwrap();
        compare(&mut world);
        make_blocks(&world.ledger);
        compare(&mut world);
    }
}

#[test]
fn blocks_go_with_their_rows_and_forget_what_was_pruned() {
    let mut world = World::new(7);
    world.record(200);
    make_blocks(&world.ledger);
    let conn = world.engine.look();
    let count = |sql: &str| row::<i64>(&conn, sql);
    let blocks = "SELECT count(*) FROM search_blocks WHERE list = 0";
    // Numbers 0 to 191, since every number of the last block must have been given.
    assert_eq!(count(blocks), 12);
    assert_eq!(
        count("SELECT sum(kept) FROM search_blocks WHERE list = 0"),
        191
    );
    let parts = count("SELECT count(*) FROM search_terms");
    assert!(parts > 12 * 8, "{parts}");
    let everything = Arc::new(Retention {
        events: Some(ms(1)),
        ..Retention::default()
    });
    // Everything that has ended, so that some events stay in most blocks.
    world.open.sweep_at(START + ms(1000 * HOUR), &everything);
    let kept = "SELECT count(*) FROM events WHERE pruned IS NULL AND seq < 192";
    look_at_all_blocks(&world.ledger);
    assert_eq!(
        count("SELECT sum(kept) FROM search_blocks WHERE list = 0"),
        count(kept)
    );
    // The rest ends.
    for one in world.deliveries(&RecordFilter::default()) {
        let cancel = Action::Cancel(vec![DeliveryId(one.seq)]);
        let intervention = Intervention {
            action: cancel,
            who: "me".to_owned(),
            why: String::new(),
            batch: None,
        };
        world.ledger.intervene(intervention).unwrap();
    }
    world.open.sweep_at(START + ms(9000 * HOUR), &everything);
    make_blocks(&world.ledger);
    assert_eq!(count("SELECT count(*) FROM search_blocks"), 0);
    assert_eq!(count("SELECT count(*) FROM search_terms"), 0);
}

#[test]
fn a_page_of_a_search_is_bounded() {
    let mut world = World::new(1);
    world.record(100);
    let filter = RecordFilter {
        provider_id: Some("none".to_owned()),
        ..RecordFilter::default()
    };
    make_blocks(&world.ledger);
    let newest = world.ledger.last_cursor(RecordList::Events).unwrap();
    let listed = world
        .ledger
        .events(&filter, &page(ListOrder::Newest, 9))
        .unwrap();
    assert!(listed.items.is_empty() && listed.next.is_none());
    let after = Page {
        after: Some(newest),
        ..page(ListOrder::Oldest, 9)
    };
    assert_eq!(world.ledger.events(&filter, &after).unwrap().next, None);
}
