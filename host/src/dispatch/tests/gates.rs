//! The gate of a handler: its rate, its breaker, an operator's pause.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::dispatch::{BreakerState, QueueStatus};
use crate::settings::BreakerSettings;
use tollgate_base::rate::Rate;
use tollgate_base::time::{Clock, WallTime};
use tollgate_ledger::{AttemptOutcome, Pause};

/// A handler whose runs fail while a flag says so, and the count of its runs.
#[derive(Clone, Default)]
pub(super) struct Patient {
    fails: Arc<AtomicBool>,
    runs: Arc<AtomicUsize>,
}

impl Patient {
    pub(super) fn failing() -> Self {
        let patient = Self::default();
        patient.fails.store(true, Ordering::SeqCst);
        patient
    }

    pub(super) fn heal(&self) {
        self.fails.store(false, Ordering::SeqCst);
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub(super) fn handler(&self, handler: Handler, component: &'static str) -> Arc<dyn Runnable> {
        let own = self.clone();
        let work = move |_: &Delivery| {
            own.runs.fetch_add(1, Ordering::SeqCst);
            ended(if own.fails.load(Ordering::SeqCst) {
                End::Retry {
                    reason: "down".into(),
                    after: None,
                }
            } else {
                End::Done
            })
        };
        Arc::new(Closure {
            handler: Arc::new(handler),
            component,
            work: Box::new(work),
        })
    }
}

impl Site {
    fn queue(&self, name: &str) -> QueueStatus {
        let status = self.dispatcher.status();
        let found = status.into_iter().find(|(n, _)| n.as_str() == name);
        found.expect("the handler is there").1
    }

    fn move_clock(&self, passes: Duration) {
        self.clock.advance(passes);
        self.dispatcher.wake();
    }

    /// Waits until `holds` returns true. `what` says so in plain words.
    #[track_caller]
    pub(super) fn eventually(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !holds() {
            assert!(Instant::now() < deadline, "{what}: {:?}", self.queue("h"));
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

pub(super) fn with_breaker(concurrency: usize) -> Handler {
    Handler {
        breaker: Some(BreakerSettings {
            failures: 0.5,
            of: 4,
            within: Duration::from_secs(60),
            open: Duration::from_secs(30),
        }),
        ..settings("h", concurrency)
    }
}

#[test]
fn a_rate_spreads_runs_over_time() {
    let mut site = Site::new();
    let patient = Patient::default();
    let limited = Handler {
        rate: Some(Rate {
            count: 10,
            per: Duration::from_secs(1),
        }),
        ..settings("h", 8)
    };
    site.start(vec![
        patient.handler(limited, "a"),
        handler("free", 8, |_| ended(End::Done)),
    ]);
    site.record(0..25, &["h", "free"]);
    // The other handler goes on meanwhile.
    site.until(DeliveryState::Done, 26);
    for done in 27..50 {
        assert!(site.queue("h").gate.limited);
        site.move_clock(ms(99));
        site.until(DeliveryState::Done, done - 1);
        site.move_clock(ms(1));
        site.until(DeliveryState::Done, done);
    }
    assert_eq!(patient.runs(), 24);
    site.move_clock(ms(100));
    site.until(DeliveryState::Done, 50);
    site.stop();
}

#[test]
fn an_open_breaker_uses_up_no_attempts() {
    let mut site = Site::new();
    let patient = Patient::failing();
    site.record(0..40, &["h"]);
    site.start(vec![patient.handler(with_breaker(1), "a")]);
    site.until(DeliveryState::Retrying, 4);
    let open = BreakerState::Open {
        until: WallTime::from_millis(1_030_000),
    };
    site.eventually("the breaker opens", || site.queue("h").gate.breaker == open);
    for probe in 1..4 {
        site.move_clock(ms(29_999));
        assert_eq!(patient.runs(), 3 + probe, "no probe runs before the time");
        site.move_clock(ms(1));
        site.eventually("a probe runs", || patient.runs() == 4 + probe);
        site.eventually("no other run starts", || {
            matches!(site.queue("h").gate.breaker, BreakerState::Open { until } if until > site.clock.now())
        });
    }
    assert_eq!(site.count(DeliveryState::Dead), 0);
    patient.heal();
    site.move_clock(ms(30_000));
    site.until(DeliveryState::Done, 40);
    assert_eq!(site.queue("h").gate.breaker, BreakerState::Closed);
    assert_eq!(patient.runs(), 47);
    site.stop();
}

#[test]
fn the_end_of_an_open_breaker_is_shown_by_the_time_of_day() {
    let mut site = Site::new();
    let patient = Patient::failing();
    site.record(0..40, &["h"]);
    site.start(vec![patient.handler(with_breaker(1), "a")]);
    let open = |until| BreakerState::Open { until };
    let until = WallTime::from_millis(1_030_000);
    site.eventually("the breaker opens", || {
        site.queue("h").gate.breaker == open(until)
    });
    let hour = Duration::from_secs(3600);
    site.clock.set(site.clock.now() + hour);
    assert_eq!(site.queue("h").gate.breaker, open(until + hour));
    assert_eq!(
        patient.runs(),
        4,
        "a change of the wall clock makes no probe due"
    );
    site.stop();
}

/// A handler that fails on each tenth delivery.
fn poisoned(down: &Arc<AtomicBool>) -> Arc<dyn Runnable> {
    let down = down.clone();
    Arc::new(Closure {
        handler: Arc::new(with_breaker(1)),
        component: "a",
        work: Box::new(move |delivery| {
            let number: u32 = std::str::from_utf8(&delivery.event.payload)
                .unwrap()
                .parse()
                .unwrap();
            let fails = number.is_multiple_of(10) || down.load(Ordering::SeqCst);
            ended(if fails {
                End::Trap("poison".into())
            } else {
                End::Done
            })
        }),
    })
}

#[test]
fn many_retries_that_fail_again_open_no_breaker() {
    let mut site = Site::new();
    site.start(vec![poisoned(&Arc::default())]);
    site.record(1..200, &["h"]);
    site.until(DeliveryState::Done, 180);
    site.until(DeliveryState::Retrying, 19);
    site.move_clock(ms(5_000));
    site.eventually("all are tried again", || {
        site.outcome(AttemptOutcome::Trap) == 38
    });
    assert_eq!(site.queue("h").gate.breaker, BreakerState::Closed);
    site.record(201..205, &["h"]);
    site.until(DeliveryState::Done, 184);
    site.stop();
}

#[test]
fn a_probe_takes_a_delivery_that_has_not_failed_before() {
    let mut site = Site::new();
    let down = Arc::new(AtomicBool::new(true));
    site.start(vec![poisoned(&down)]);
    // The four deliveries that open the breaker always fail. They are due again when others
    // arrive.
    site.record_to(0..31, |number| {
        let poison = number % 10 == 0;
        poison
            .then(|| HandlerName::new("h").into())
            .into_iter()
            .collect()
    });
    site.until(DeliveryState::Retrying, 4);
    site.eventually("the breaker opens", || {
        site.queue("h").gate.breaker != BreakerState::Closed
    });
    site.move_clock(ms(29_999));
    site.eventually("the four are due", || site.queue("h").queued == 4);
    down.store(false, Ordering::SeqCst);
    site.record(31..40, &["h"]);
    site.eventually("others wait too", || site.queue("h").queued == 13);
    site.move_clock(ms(1));
    site.until(DeliveryState::Done, 9);
    site.stop();
}

#[test]
fn probes_run_one_at_a_time() {
    let mut site = Site::new();
    let patient = Patient::failing();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    site.record(0..60, &["h"]);
    site.start(vec![patient.handler(with_breaker(8), "a")]);
    site.eventually("the breaker opens", || {
        site.queue("h").gate.breaker != BreakerState::Closed && site.queue("h").running == 0
    });
    // From here on a run takes until the test lets it end.
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let (running, peak, wait) = (now.clone(), most.clone(), gate.clone());
    let slow = Closure {
        handler: Arc::new(with_breaker(8)),
        component: "a",
        work: Box::new(move |_| {
            peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let mut open = wait.0.lock();
            while !*open {
                wait.1.wait(&mut open);
            }
            running.fetch_sub(1, Ordering::SeqCst);
            ended(End::Done)
        }),
    };
    site.dispatcher
        .set_handlers(vec![Arc::new(slow)], Arc::new(Routes::default()));
    site.move_clock(ms(30_000));
    site.eventually("a probe runs", || now.load(Ordering::SeqCst) == 1);
    for _ in 0..20 {
        site.move_clock(ms(1_000));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!(site.queue("h").gate.breaker, BreakerState::HalfOpen);
    *gate.0.lock() = true;
    gate.1.notify_all();
    site.move_clock(ms(30_000));
    site.until(DeliveryState::Done, 60);
    site.stop();
}

#[test]
fn a_new_component_closes_the_breaker_and_the_same_component_does_not() {
    let mut site = Site::new();
    let patient = Patient::failing();
    site.record(0..40, &["h"]);
    site.start(vec![patient.handler(with_breaker(1), "a")]);
    let opens = |many| {
        site.eventually("the breaker opens", || {
            patient.runs() == many && site.queue("h").gate.breaker != BreakerState::Closed
        });
    };
    opens(4);
    let serve = |component| {
        site.dispatcher.set_handlers(
            vec![patient.handler(with_breaker(1), component)],
            Arc::new(Routes::default()),
        );
    };
    serve("a");
    assert_ne!(site.queue("h").gate.breaker, BreakerState::Closed);
    serve("b");
    opens(8);
    site.stop();
}

#[test]
fn a_run_is_under_way_until_its_end_is_committed() {
    let mut site = Site::new();
    site.start(vec![handler("h", 4, |_| ended(End::Done))]);
    // The first delivery may be claimed from the ledger. The later ones are handed over in memory.
    site.record(0..1, &["h"]);
    site.until(DeliveryState::Done, 1);
    for number in 1..100 {
        site.record(number..number + 1, &["h"]);
        site.eventually("nothing is under way", || {
            let queue = site.queue("h");
            (queue.queued, queue.running) == (0, 0)
        });
        assert_eq!(site.count(DeliveryState::Done), number as u64 + 1);
    }
    site.stop();
}

#[test]
fn a_paused_handler_ends_its_runs_and_starts_none_until_it_is_resumed() {
    let mut site = Site::new();
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let wait = gate.clone();
    let slow = handler("h", 4, move |_| {
        let mut open = wait.0.lock();
        while !*open {
            wait.1.wait(&mut open);
        }
        ended(End::Done)
    });
    let pause = Pause {
        since: WallTime::from_millis(1_000_000),
        outbox: false,
    };
    let name = HandlerName::new("h");
    site.start(vec![slow, handler("other", 1, |_| ended(End::Done))]);
    site.record(0..2, &["h", "other"]);
    site.eventually("both run", || site.queue("h").running == 2);
    site.dispatcher.set_pause(&name, Some(pause));
    site.record(2..50, &["h", "other"]);
    site.until(DeliveryState::Done, 50);
    assert_eq!(site.queue("h").running, 2, "a pause ends no run");
    assert_eq!(site.queue("h").gate.paused, Some(pause));
    *gate.0.lock() = true;
    gate.1.notify_all();
    site.until(DeliveryState::Done, 52);
    site.eventually("both runs have ended", || site.queue("h").running == 0);
    // A day passes, the clock is set back, another generation serves: nothing starts.
    site.move_clock(ms(86_400_000));
    site.clock.set(WallTime::from_millis(5));
    site.dispatcher.wake();
    let same = vec![handler("h", 4, |_| ended(End::Done))];
    let routes = Arc::new(Routes::default());
    site.dispatcher.set_handlers(Vec::new(), routes.clone());
    site.until(DeliveryState::Held, 48);
    site.dispatcher.set_handlers(same, routes);
    site.until(DeliveryState::Pending, 48);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(site.count(DeliveryState::Done), 52);
    site.dispatcher.set_pause(&name, None);
    site.until(DeliveryState::Done, 100);
    site.stop();
}
