//! A change of the wall clock: the delays between attempts stay as they are.

use super::*;
use tollgate_base::time::{Clock, WallTime};
use tollgate_ledger::DeliveryId;

const HOUR: Duration = Duration::from_secs(3600);
/// The delay of the first retry by [`settings`].
const FIRST: Duration = Duration::from_secs(5);

/// A handler that fails each delivery's first attempt.
fn failing_once(runs: &Arc<AtomicUsize>) -> Arc<dyn Runnable> {
    let runs = runs.clone();
    handler("h", 4, move |delivery| {
        runs.fetch_add(1, Ordering::SeqCst);
        ended(match delivery.attempts {
            0 => End::Retry {
                reason: "later".into(),
                after: None,
            },
            _ => End::Done,
        })
    })
}

impl Site {
    /// Looks at the clock, and asserts that there are still only `so_far` runs.
    fn nothing_runs(&self, runs: &AtomicUsize, so_far: usize) {
        self.dispatcher.wake();
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(runs.load(Ordering::SeqCst), so_far);
    }
}

#[test]
fn a_retry_keeps_its_delay_whatever_the_wall_clock_says() {
    let mut site = Site::new();
    let start = site.clock.now();
    let runs = Arc::default();
    site.start(vec![failing_once(&runs)]);
    site.record(0..10, &["h"]);
    site.until(DeliveryState::Retrying, 10);
    for set in [
        start - HOUR / 10,
        start + HOUR,
        WallTime::EPOCH,
        start + 9 * HOUR,
    ] {
        site.clock.set(set);
        site.nothing_runs(&runs, 10);
    }
    site.clock.advance(FIRST - ms(1));
    site.nothing_runs(&runs, 10);
    site.clock.advance(ms(1));
    site.dispatcher.wake();
    site.until(DeliveryState::Done, 10);
    assert_eq!(runs.load(Ordering::SeqCst), 20, "each delivery ran twice");
    site.stop();
}

#[test]
fn after_a_sleep_of_the_machine_each_due_delivery_runs_once() {
    let mut site = Site::new();
    let runs = Arc::default();
    site.start(vec![failing_once(&runs)]);
    site.record(0..10, &["h"]);
    site.until(DeliveryState::Retrying, 10);
    site.clock.advance(10 * HOUR);
    site.dispatcher.wake();
    site.until(DeliveryState::Done, 10);
    assert_eq!(runs.load(Ordering::SeqCst), 20);
    site.stop();
}

#[test]
fn the_next_process_keeps_the_delays_of_the_process_before() {
    let mut site = Site::new();
    let start = site.clock.now();
    let runs = Arc::default();
    site.start(vec![failing_once(&runs)]);
    site.record(0..1, &["h"]);
    site.until(DeliveryState::Retrying, 1);
    let (folder, clock) = site.stop();
    // The wall clock is set while no process runs, and again while the next process runs.
    clock.advance(FIRST - ms(100));
    clock.set(start - HOUR / 10);
    let mut site = Site::open(folder, clock);
    site.start(vec![failing_once(&runs)]);
    site.nothing_runs(&runs, 1);
    site.clock.set(start + HOUR);
    site.nothing_runs(&runs, 1);
    site.clock.advance(ms(100));
    site.dispatcher.wake();
    site.until(DeliveryState::Done, 1);
    site.stop();
}

#[test]
fn attempts_are_recorded_by_the_time_of_day() {
    let mut site = Site::new();
    let start = site.clock.now();
    let runs = Arc::default();
    site.clock.set(start + HOUR);
    site.start(vec![failing_once(&runs)]);
    site.record(0..1, &["h"]);
    site.until(DeliveryState::Retrying, 1);
    let found = site.ledger.delivery(DeliveryId(1)).unwrap().unwrap();
    assert_eq!(found.tried[0].started_ms, start + HOUR);
    assert_eq!(found.delivery.due_ms, Some(start + HOUR + FIRST));
    site.stop();
}
