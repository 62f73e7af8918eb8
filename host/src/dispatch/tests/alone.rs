//! A delivery that has met conflicts runs alone, and holds the others back no longer than it may.

use super::*;
use tollgate_ledger::{Action, Intervention, StateChange};

/// A switch that runs wait for.
#[derive(Clone, Default)]
struct Switch(Arc<(Mutex<bool>, Condvar)>);

impl Switch {
    fn wait(&self) {
        let mut on = self.0.0.lock();
        while !*on {
            self.0.1.wait(&mut on);
        }
    }

    fn turn_on(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_all();
    }
}

/// A handler whose runs may wait for answers.
struct Asking(Arc<dyn Runnable>);

impl Runnable for Asking {
    fn handler(&self) -> &Arc<Handler> {
        self.0.handler()
    }

    fn digest(&self) -> ComponentDigest {
        self.0.digest()
    }

    fn may_ask(&self) -> bool {
        true
    }

    fn run(
        &self,
        delivery: &Delivery,
        exchanges: &Arc<[Exchange]>,
        trace: Option<&TraceContext>,
    ) -> Started {
        self.0.run(delivery, exchanges, trace)
    }
}

/// The number in the event of a delivery.
fn number(delivery: &Delivery) -> usize {
    let text = std::str::from_utf8(&delivery.event.payload).unwrap();
    text.parse().unwrap()
}

/// A run that has read a value.
fn reads(ledger: &Arc<dyn Ledger>, name: &HandlerName) -> Run {
    let version = ledger.state_get(name, "n").unwrap().version;
    Run {
        reads: vec![Read::Key {
            key: "n".into(),
            version,
        }],
        ..ended(End::Done)
    }
}

/// Changes the value that runs read.
fn change(ledger: &Arc<dyn Ledger>, name: &HandlerName) {
    let change = StateChange {
        key: "n".into(),
        value: Some(b"1".to_vec()),
        if_version: None,
    };
    ledger
        .intervene(Intervention {
            action: Action::ChangeState(name.clone(), vec![change]),
            who: "the test".into(),
            why: String::new(),
            batch: None,
        })
        .unwrap();
}

/// What a test turns on, and what it sees.
#[derive(Clone, Default)]
struct Stage {
    /// The run of event 0 that comes after three conflicts waits for this.
    alone: Switch,
    /// The run of event 9 waits for this.
    slow: Switch,
    /// The runs of event 0.
    runs: Arc<AtomicUsize>,
}

/// A handler that meets three conflicts with event 0.
fn with_conflicts(site: &Site, stage: &Stage) -> Arc<dyn Runnable> {
    let (ledger, stage) = (site.ledger.clone(), stage.clone());
    handler("h", 4, move |delivery| {
        let run = reads(&ledger, &delivery.handler);
        match number(delivery) {
            0 if stage.runs.fetch_add(1, Ordering::SeqCst) < 3 => {
                change(&ledger, &delivery.handler);
            }
            0 => stage.alone.wait(),
            9 => stage.slow.wait(),
            _ => {}
        }
        run
    })
}

fn reached(runs: &AtomicUsize, wanted: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while runs.load(Ordering::SeqCst) < wanted {
        assert!(Instant::now() < deadline, "{runs:?}");
        std::thread::sleep(ms(5));
    }
}

impl Site {
    /// Lets the hold of a delivery end.
    fn hold_ends(&self) {
        self.clock.advance(ms(1_000));
        self.dispatcher.wake();
    }

    /// Waits until one delivery waits in memory.
    fn one_waits(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self
            .dispatcher
            .status()
            .iter()
            .all(|(_, queue)| queue.queued != 1)
        {
            assert!(Instant::now() < deadline, "{:?}", self.dispatcher.status());
            std::thread::sleep(ms(5));
        }
    }

    fn nothing_ends(&self) {
        self.dispatcher.wake();
        std::thread::sleep(ms(100));
        assert_eq!(self.count(DeliveryState::Done), 0);
    }
}

#[test]
fn a_delivery_that_asks_alone_lets_the_others_go_on_after_a_while() {
    let mut site = Site::new();
    let stage = Stage::default();
    let asking = Arc::new(Asking(with_conflicts(&site, &stage)));
    site.start(vec![asking]);
    site.record(0..1, &["h"]);
    reached(&stage.runs, 4);
    site.record(1..6, &["h"]);
    site.nothing_ends();
    site.hold_ends();
    site.until(DeliveryState::Done, 5);
    stage.alone.turn_on();
    site.until(DeliveryState::Done, 6);
    assert_eq!(stage.runs.load(Ordering::SeqCst), 4);
    site.stop();
}

#[test]
fn a_delivery_that_waits_for_one_that_asks_lets_the_others_go_on_after_a_while() {
    let mut site = Site::new();
    let stage = Stage::default();
    let asking = Arc::new(Asking(with_conflicts(&site, &stage)));
    site.start(vec![asking]);
    site.record(9..10, &["h"]);
    site.record(0..1, &["h"]);
    reached(&stage.runs, 3);
    site.one_waits();
    site.record(1..6, &["h"]);
    site.nothing_ends();
    assert_eq!(stage.runs.load(Ordering::SeqCst), 3, "it waits for event 9");
    site.hold_ends();
    site.until(DeliveryState::Done, 5);
    stage.alone.turn_on();
    site.until(DeliveryState::Done, 6);
    stage.slow.turn_on();
    site.until(DeliveryState::Done, 7);
    site.stop();
}

#[test]
fn a_delivery_that_computes_alone_holds_the_others_until_its_end() {
    let mut site = Site::new();
    let stage = Stage::default();
    site.start(vec![with_conflicts(&site, &stage)]);
    site.record(0..1, &["h"]);
    reached(&stage.runs, 4);
    site.record(1..6, &["h"]);
    site.hold_ends();
    site.nothing_ends();
    stage.alone.turn_on();
    site.until(DeliveryState::Done, 6);
    assert_eq!(stage.runs.load(Ordering::SeqCst), 4);
    site.stop();
}
