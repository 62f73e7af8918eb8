//! The dispatcher over a real ledger, with handlers that are closures.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::{Dispatcher, Pool, PoolOptions, Routes, Runnable};
use crate::settings::{Handler, OnTrap, RetryPolicy};
use crate::telemetry::traces::TraceContext;
use tollgate_base::event::{
    ComponentDigest, DedupBasis, DedupKey, Event, EventId, HandlerName, Headers, SourceName,
};
use tollgate_base::time::{ManualClock, WallTime};
use tollgate_ledger::{
    self, Delivery, DeliveryState, Effects, Exchange, LeasedDelivery, LeasedRequest, Ledger,
    LedgerSink, LedgerUrl, NewEvent, Read, Recipient, StateWrite,
};
use tollgate_sandbox::{End, Run, Started};
use tollgate_sandbox::{Guest, Limits};

mod alone;
mod bounds;
mod clock;
mod gates;
mod many;
mod memory;
mod order;
mod retries;
mod trials;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type Work = dyn Fn(&Delivery) -> Run + Send + Sync;

struct Closure {
    handler: Arc<Handler>,
    component: &'static str,
    work: Box<Work>,
}

impl Runnable for Closure {
    fn handler(&self) -> &Arc<Handler> {
        &self.handler
    }

    fn digest(&self) -> ComponentDigest {
        ComponentDigest::of(self.component.as_bytes())
    }

    fn run(&self, delivery: &Delivery, _: &Arc<[Exchange]>, _: Option<&TraceContext>) -> Started {
        Started::Ended(Box::new((self.work)(delivery)))
    }
}

fn handler(
    name: &str,
    concurrency: usize,
    work: impl Fn(&Delivery) -> Run + Send + Sync + 'static,
) -> Arc<dyn Runnable> {
    Arc::new(Closure {
        handler: Arc::new(settings(name, concurrency)),
        component: "closure",
        work: Box::new(work),
    })
}

pub(super) fn settings(name: &str, concurrency: usize) -> Handler {
    Handler {
        name: HandlerName::new(name),
        component: "none.wasm".into(),
        concurrency,
        rate: None,
        breaker: None,
        on_trap: OnTrap::Retry,
        rollback: true,
        order: None,
        retry: RetryPolicy {
            attempts: 3,
            first: Duration::from_secs(5),
            factor: 2.0,
            max: Duration::from_secs(60),
            jitter: 0.0,
            total: None,
        },
        guest: Arc::new(Guest {
            name: HandlerName::new(name),
            config: BTreeMap::new(),
            limits: Limits {
                timeout: Duration::from_secs(2),
                memory: 1 << 20,
                tables: 100,
                output: 100,
                logs: 100,
                calls: 100,
                effects: 1000,
                response: 1000,
                requests: 16,
            },
            grants: Vec::new(),
        }),
        allow: Vec::new(),
        fixtures: None,
    }
}

fn ended(end: End) -> Run {
    Run {
        end,
        reads: Vec::new(),
        effects: Effects::default(),
        logs: String::new(),
        duration: Duration::ZERO,
        memory: 0,
        trace: Vec::new(),
        exchanges: Vec::new(),
        core: None,
        lowered: false,
    }
}

struct Forward(Dispatcher);

impl LedgerSink for Forward {
    fn recorded(&self, deliveries: Vec<LeasedDelivery>) {
        self.0.recorded(deliveries);
    }

    fn released(&self, deliveries: Vec<LeasedDelivery>) {
        self.0.released(deliveries);
    }

    fn queued(&self, _: Vec<LeasedRequest>) {}
}

/// A dispatcher over a ledger in a folder of its own.
struct Site {
    folder: tempfile::TempDir,
    clock: ManualClock,
    dispatcher: Dispatcher,
    ledger: Arc<dyn Ledger>,
    pool: Option<Pool>,
}

impl Site {
    fn new() -> Self {
        Self::open(
            tempfile::tempdir().unwrap(),
            ManualClock::at(WallTime::from_millis(1_000_000)),
        )
    }

    fn open(folder: tempfile::TempDir, clock: ManualClock) -> Self {
        let options = PoolOptions {
            waiting: 16,
            threads: 24,
            queued_bytes: 8 << 20,
            memory: 24 << 20,
        };
        let steady = clock.steady();
        let dispatcher = Dispatcher::new(steady.clone(), options);
        let sink = Arc::new(Forward(dispatcher.clone()));
        let url = LedgerUrl::Sqlite(folder.path().join("ledger.db"));
        let ledger = tollgate_ledger::open(&url, steady, sink).unwrap();
        Self {
            folder,
            clock,
            dispatcher,
            ledger,
            pool: None,
        }
    }

    fn start(&mut self, handlers: Vec<Arc<dyn Runnable>>) {
        self.dispatcher
            .set_handlers(handlers, Arc::new(Routes::default()));
        self.pool = Some(self.dispatcher.start(self.ledger.clone()).unwrap());
    }

    fn stop(mut self) -> (tempfile::TempDir, ManualClock) {
        if let Some(pool) = self.pool.take() {
            assert!(pool.stop(Duration::from_secs(20)));
        }
        self.ledger.close();
        (self.folder, self.clock)
    }

    fn record(&self, numbers: std::ops::Range<usize>, handlers: &[&str]) {
        let to = |_| handlers.iter().map(|name| HandlerName::new(*name).into());
        self.record_to(numbers, |number| to(number).collect());
    }

    fn record_to(&self, numbers: std::ops::Range<usize>, to: impl Fn(usize) -> Vec<Recipient>) {
        let source = SourceName::new("s");
        for chunk in numbers.collect::<Vec<_>>().chunks(100) {
            let events = chunk.iter().map(|number| {
                let at = WallTime::from_millis(1_000_000);
                let id = EventId::generate(at);
                NewEvent {
                    dedup: DedupKey::new(&source, &DedupBasis::SignedId(number.to_string())),
                    more_dedup: Vec::new(),
                    equal_bytes: tollgate_ledger::EqualBytes::SameFact,
                    form: tollgate_ledger::EventForm::Whole,
                    handlers: to(*number),
                    event: Event {
                        id,
                        source: source.clone(),
                        provider_id: Some(number.to_string()),
                        kind: "k".into(),
                        subject: None,
                        account: None,
                        created: None,
                        received: at,
                        headers: Headers::default(),
                        metadata: Vec::new(),
                        depth: 0,
                        payload: Bytes::from(number.to_string()),
                    },
                }
            });
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            runtime
                .block_on(self.ledger.record(events.collect()))
                .unwrap();
        }
    }

    fn count(&self, state: DeliveryState) -> u64 {
        let counts = self.ledger.counts().unwrap();
        counts
            .deliveries
            .iter()
            .find(|(s, _)| *s == state)
            .map_or(0, |(_, n)| *n)
    }

    /// Waits until `many` deliveries are in a state.
    fn until(&self, state: DeliveryState, many: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.count(state) != many {
            assert!(
                Instant::now() < deadline,
                "{} {state}, expected {many}; {:?}",
                self.count(state),
                self.dispatcher.status()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Runs of each delivery, by its number.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<i64, usize>>>);

impl Seen {
    fn note(&self, delivery: &Delivery) {
        *self.0.lock().entry(delivery.id.0).or_default() += 1;
    }

    fn once_each(&self, many: usize) {
        let seen = self.0.lock();
        assert_eq!(seen.len(), many);
        assert!(seen.values().all(|runs| *runs == 1), "{seen:?}");
    }
}

#[test]
fn deliveries_that_do_not_fit_into_memory_run_once_each() {
    let mut site = Site::new();
    let seen = Seen::default();
    let note = seen.clone();
    site.record(0..1500, &["h"]);
    site.start(vec![handler("h", 4, move |delivery| {
        note.note(delivery);
        ended(End::Done)
    })]);
    // These arrive while the supervisor claims the deliveries that were left in the ledger.
    site.record(1500..4000, &["h"]);
    site.until(DeliveryState::Done, 4000);
    seen.once_each(4000);
    site.stop();
}

#[test]
fn a_handler_with_one_run_at_a_time_keeps_the_order_of_arrival() {
    let mut site = Site::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = order.clone();
    site.start(vec![handler("h", 1, move |delivery| {
        note.lock().push(delivery.id);
        ended(End::Done)
    })]);
    site.record(0..3000, &["h"]);
    site.until(DeliveryState::Done, 3000);
    assert!(order.lock().is_sorted_by_key(|id| id.0));
    site.stop();
}

#[test]
fn handlers_that_never_end_starve_nobody() {
    let mut site = Site::new();
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let stuck = |name: &str| {
        let gate = gate.clone();
        handler(name, 16, move |_| {
            let mut open = gate.0.lock();
            while !*open {
                gate.1.wait(&mut open);
            }
            ended(End::Done)
        })
    };
    let quick = handler("quick", 4, |_| ended(End::Done));
    site.start(vec![stuck("a"), stuck("b"), stuck("c"), quick]);
    site.record(0..100, &["a", "b", "c"]);
    site.record(100..200, &["quick"]);
    site.until(DeliveryState::Done, 100);
    *gate.0.lock() = true;
    gate.1.notify_all();
    site.until(DeliveryState::Done, 400);
    site.stop();
}

#[test]
fn concurrency_is_never_exceeded() {
    let mut site = Site::new();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running, peak) = (now.clone(), most.clone());
    site.start(vec![handler("h", 3, move |_| {
        peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::yield_now();
        running.fetch_sub(1, Ordering::SeqCst);
        ended(End::Done)
    })]);
    site.record(0..500, &["h"]);
    site.until(DeliveryState::Done, 500);
    assert!(most.load(Ordering::SeqCst) <= 3);
    site.stop();
}

#[test]
fn retries_come_when_they_are_due_and_end() {
    let mut site = Site::new();
    site.start(vec![handler("h", 4, |delivery| {
        let number: usize = std::str::from_utf8(&delivery.event.payload)
            .unwrap()
            .parse()
            .unwrap();
        if number == 0 || delivery.attempts < 1 {
            ended(End::Trap("boom".into()))
        } else {
            ended(End::Done)
        }
    })]);
    site.record(0..10, &["h"]);
    site.until(DeliveryState::Retrying, 10);
    site.clock.advance(ms(4_999));
    site.dispatcher.wake();
    site.until(DeliveryState::Retrying, 10);
    site.clock.advance(ms(1));
    site.dispatcher.wake();
    site.until(DeliveryState::Done, 9);
    site.until(DeliveryState::Retrying, 1);
    site.clock.advance(ms(10_000));
    site.dispatcher.wake();
    site.until(DeliveryState::Dead, 1);
    site.stop();
}

#[test]
fn due_deliveries_are_found_again_after_a_restart() {
    let mut site = Site::new();
    site.start(vec![handler("h", 4, |_| {
        ended(End::Retry {
            reason: "no".into(),
            after: None,
        })
    })]);
    site.record(0..50, &["h"]);
    site.until(DeliveryState::Retrying, 50);
    let (folder, clock) = site.stop();
    clock.advance(ms(5_000));
    let mut site = Site::open(folder, clock);
    site.record(50..60, &["h"]);
    site.start(vec![handler("h", 4, |_| ended(End::Done))]);
    site.until(DeliveryState::Done, 60);
    site.stop();
}

#[test]
fn deliveries_of_a_handler_that_left_are_held_until_the_handler_is_back() {
    let mut site = Site::new();
    site.start(vec![handler("other", 1, |_| ended(End::Done))]);
    site.record(0..20, &["h"]);
    site.until(DeliveryState::Held, 20);
    let back = vec![handler("h", 1, |_| ended(End::Done))];
    site.dispatcher
        .set_handlers(back, Arc::new(Routes::default()));
    site.until(DeliveryState::Done, 20);
    site.stop();
}

#[test]
fn a_counter_by_reading_and_writing_loses_no_update() {
    let mut site = Site::new();
    let ledger = site.ledger.clone();
    site.start(vec![handler("h", 8, move |delivery| {
        let row = ledger.state_get(&delivery.handler, "n").unwrap();
        let n: u64 = row
            .value
            .map_or(0, |text| String::from_utf8(text).unwrap().parse().unwrap());
        // Other runs read the same value meanwhile.
        std::thread::yield_now();
        Run {
            reads: vec![Read::Key {
                key: "n".into(),
                version: row.version,
            }],
            effects: Effects {
                state: vec![(
                    "n".into(),
                    StateWrite::Set((n + 1).to_string().into_bytes()),
                )],
                ..Effects::default()
            },
            ..ended(End::Done)
        }
    })]);
    site.record(0..400, &["h"]);
    site.until(DeliveryState::Done, 400);
    let value = site
        .ledger
        .state_get(&HandlerName::new("h"), "n")
        .unwrap()
        .value;
    assert_eq!(value.unwrap(), b"400");
    site.stop();
}

#[test]
fn effects_that_cannot_be_applied_fail_the_attempt() {
    let mut site = Site::new();
    site.start(vec![handler("h", 1, |delivery| {
        let write = match &delivery.event.payload[..] {
            b"0" => StateWrite::Set(b"no number".to_vec()),
            _ => StateWrite::Add(1),
        };
        Run {
            effects: Effects {
                state: vec![("n".into(), write)],
                ..Effects::default()
            },
            ..ended(End::Done)
        }
    })]);
    site.record(0..2, &["h"]);
    site.until(DeliveryState::Done, 1);
    site.until(DeliveryState::Retrying, 1);
    site.stop();
}
