//! Deliveries of one order key run one after another, and no other delivery waits for them.

use std::collections::HashMap;

use super::*;
use crate::settings::{OnBlock, OrderBy, OrderSettings, SupersedeBy};
use tollgate_ledger::{DeliveryId, OrderKey};

fn ordered(
    on_block: OnBlock,
    concurrency: usize,
    work: impl Fn(&Delivery) -> Run + Send + Sync + 'static,
) -> Arc<dyn Runnable> {
    Arc::new(Closure {
        handler: Arc::new(Handler {
            order: Some(OrderSettings {
                by: OrderBy::Subject,
                on_block,
                supersede_by: None,
            }),
            ..settings("h", concurrency)
        }),
        component: "closure",
        work: Box::new(work),
    })
}

#[test]
fn a_delivery_older_than_the_newest_done_delivery_does_not_run() {
    let mut site = Site::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = seen.clone();
    let guarded = Closure {
        handler: Arc::new(Handler {
            order: Some(OrderSettings {
                by: OrderBy::Subject,
                on_block: OnBlock::Wait,
                // The payload is a number.
                supersede_by: Some(SupersedeBy::Pointer(String::new())),
            }),
            ..settings("h", 4)
        }),
        component: "closure",
        work: Box::new(move |delivery| {
            let number = number(delivery);
            note.lock().push(number);
            ended(match number {
                7 => End::Ignored("nothing to do".into()),
                _ => End::Done,
            })
        }),
    };
    for number in [5, 7, 6, 3, 8, 4] {
        site.record_keyed(number..number + 1, |_| 0);
    }
    site.record_keyed(1..2, |_| 1);
    site.start(vec![Arc::new(guarded)]);
    site.until(DeliveryState::Done, 4);
    site.until(DeliveryState::Ignored, 3);
    let mut seen = seen.lock().clone();
    // The delivery of the other key may come at any time.
    seen.retain(|number| *number != 1);
    assert_eq!(seen, [5, 7, 6, 8], "an ignored delivery supersedes nothing");
    site.stop();
}

/// The number of an event, which is its payload.
fn number(delivery: &Delivery) -> usize {
    let text = std::str::from_utf8(&delivery.event.payload).unwrap();
    text.parse().unwrap()
}

impl Site {
    /// Records events for `h`, with `key(number)` as the order key.
    fn record_keyed(&self, numbers: std::ops::Range<usize>, key: impl Fn(usize) -> usize) {
        let name = HandlerName::new("h");
        self.record_to(numbers, |number| {
            let key = OrderKey::new(&name, &key(number).to_string());
            vec![Recipient {
                handler: name.clone(),
                key: Some(key),
            }]
        });
    }
}

/// The handled deliveries by key, in order. Asserts that no two of a key are under way at once.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Logged>>);

#[derive(Default)]
struct Logged {
    done: HashMap<OrderKey, Vec<DeliveryId>>,
    under_way: HashMap<OrderKey, usize>,
    most: usize,
}

impl Log {
    fn begins(&self, delivery: &Delivery) {
        let mut log = self.0.lock();
        let under_way = log.under_way.entry(delivery.key.unwrap()).or_default();
        *under_way += 1;
        assert_eq!(*under_way, 1, "two of a key at once");
        log.most = log.most.max(log.under_way.values().sum());
    }

    fn ends(&self, delivery: &Delivery, done: bool) {
        let mut log = self.0.lock();
        let key = delivery.key.unwrap();
        *log.under_way.get_mut(&key).unwrap() -= 1;
        if done {
            log.done.entry(key).or_default().push(delivery.id);
        }
    }

    #[track_caller]
    fn in_order(&self, many: usize) {
        let log = self.0.lock();
        assert_eq!(log.done.values().map(Vec::len).sum::<usize>(), many);
        assert!(
            log.done
                .values()
                .all(|done| done.is_sorted_by_key(|id| id.0))
        );
    }
}

/// Moves the clock until `many` deliveries have ended.
fn drive(site: &Site, many: u64) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while site.count(DeliveryState::Done) + site.count(DeliveryState::Dead) != many {
        assert!(Instant::now() < deadline, "{:?}", site.dispatcher.status());
        site.clock.advance(ms(1_000));
        site.dispatcher.wake();
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn keys_keep_their_order_through_failures_and_restarts() {
    let log = Log::default();
    let work = |log: Log| {
        move |delivery: &Delivery| {
            log.begins(delivery);
            std::thread::yield_now();
            let fails = delivery.attempts == 0 && number(delivery).is_multiple_of(3);
            log.ends(delivery, !fails);
            ended(if fails { End::Timeout } else { End::Done })
        }
    };
    let mut site = Site::new();
    site.record_keyed(0..300, |n| n * 7 % 23);
    site.start(vec![ordered(OnBlock::Wait, 8, work(log.clone()))]);
    site.record_keyed(300..600, |n| n * 7 % 23);
    site.eventually("some are done", || {
        site.clock.advance(ms(1_000));
        site.dispatcher.wake();
        site.count(DeliveryState::Done) > 100
    });
    let (folder, clock) = site.stop();
    let mut site = Site::open(folder, clock);
    site.record_keyed(600..700, |n| n * 7 % 23);
    site.start(vec![ordered(OnBlock::Wait, 8, work(log.clone()))]);
    drive(&site, 700);
    log.in_order(700);
    assert!(log.0.lock().most > 1, "keys run side by side");
    site.stop();
}

#[test]
fn a_key_that_waits_for_a_retry_holds_up_no_other_key() {
    let mut site = Site::new();
    let log = Log::default();
    let own = log.clone();
    // More deliveries than fit into memory stand behind a delivery that fails.
    site.record_keyed(0..3000, |_| 0);
    site.start(vec![ordered(OnBlock::Wait, 8, move |delivery| {
        own.begins(delivery);
        let fails = number(delivery) == 0 && delivery.attempts == 0;
        own.ends(delivery, !fails);
        ended(if fails { End::Timeout } else { End::Done })
    })]);
    site.record_keyed(3000..3500, |n| n);
    site.until(DeliveryState::Done, 500);
    site.until(DeliveryState::Retrying, 1);
    drive(&site, 3500);
    log.in_order(3500);
    site.stop();
}

#[test]
fn a_dead_delivery_holds_its_key_until_the_manifest_says_otherwise() {
    let mut site = Site::new();
    let work = |delivery: &Delivery| {
        ended(match number(delivery) {
            0 => End::Reject("never".into()),
            _ => End::Done,
        })
    };
    site.record_keyed(0..10, |n| n % 2);
    site.start(vec![ordered(OnBlock::Wait, 4, work)]);
    site.until(DeliveryState::Done, 5);
    site.until(DeliveryState::Pending, 4);
    let (folder, clock) = site.stop();
    let mut site = Site::open(folder, clock);
    site.start(vec![ordered(OnBlock::Wait, 4, work)]);
    site.record_keyed(10..20, |n| n % 2);
    site.until(DeliveryState::Done, 10);
    site.until(DeliveryState::Pending, 9);
    let skips = vec![ordered(OnBlock::SkipAfterDead, 4, work)];
    site.dispatcher
        .set_handlers(skips, Arc::new(Routes::default()));
    site.until(DeliveryState::Done, 19);
    site.until(DeliveryState::Dead, 1);
    site.stop();
}

#[test]
fn a_handler_that_left_and_came_back_goes_on_in_order() {
    let mut site = Site::new();
    let log = Log::default();
    site.start(vec![handler("other", 1, |_| ended(End::Done))]);
    site.record_keyed(0..200, |n| n % 5);
    site.until(DeliveryState::Held, 200);
    let own = log.clone();
    let back = ordered(OnBlock::Wait, 8, move |delivery| {
        own.begins(delivery);
        own.ends(delivery, true);
        ended(End::Done)
    });
    site.dispatcher
        .set_handlers(vec![back], Arc::new(Routes::default()));
    site.until(DeliveryState::Done, 200);
    log.in_order(200);
    site.stop();
}

/// A customer with a great many events, such as the events of a day without the handler.
#[test]
#[expect(clippy::print_stdout, reason = "the figures are of interest")]
fn ten_thousand_of_one_key_run_in_order_and_wait_in_the_ledger() {
    const MANY: usize = 10_000;
    let mut site = Site::new();
    let log = Log::default();
    site.record_keyed(0..MANY, |_| 0);
    let own = log.clone();
    let began = Instant::now();
    let quarters = Arc::new(Mutex::new(Vec::new()));
    let times = quarters.clone();
    site.start(vec![ordered(OnBlock::Wait, 8, move |delivery| {
        own.begins(delivery);
        own.ends(delivery, true);
        if number(delivery).is_multiple_of(MANY / 4) {
            times.lock().push(began.elapsed().as_millis());
        }
        ended(End::Done)
    })]);
    // Memory has only the delivery that may run, however many wait.
    let mut most = 0;
    for done in (500..=MANY).step_by(500) {
        site.eventually("more are done", || {
            let queues = site.dispatcher.status();
            most = most.max(queues[0].1.queued);
            site.count(DeliveryState::Done) >= done as u64
        });
    }
    assert!(most <= 1, "{most} in memory");
    log.in_order(MANY);
    let quarters = quarters.lock();
    println!(
        "each quarter began at {quarters:?} ms, all were done by {} ms",
        began.elapsed().as_millis()
    );
    site.stop();
}
