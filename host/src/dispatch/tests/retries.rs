//! The state after a failed attempt, and ends that are no attempt.

use super::*;
use tollgate_ledger::{AttemptOutcome, LedgerError};

fn with(change: impl FnOnce(&mut Handler), work: Box<Work>) -> Arc<dyn Runnable> {
    let mut handler = settings("h", 4);
    change(&mut handler);
    Arc::new(Closure {
        handler: Arc::new(handler),
        component: "closure",
        work,
    })
}

impl Site {
    pub(super) fn outcome(&self, of: AttemptOutcome) -> u64 {
        let status = self.dispatcher.status();
        let outcomes = status[0].1.outcomes;
        let counted = outcomes.iter().find(|(outcome, _)| *outcome == of);
        counted.map_or(0, |(_, many)| many)
    }

    /// Waits for a count of outcomes. The count rises a moment after others can read the commit.
    #[track_caller]
    pub(super) fn counts(&self, of: AttemptOutcome, many: u64) {
        self.eventually(of.name(), || self.outcome(of) == many);
    }
}

#[test]
fn a_trap_is_final_if_the_manifest_says_so() {
    let mut site = Site::new();
    let ends = Box::new(|delivery: &Delivery| {
        ended(match &delivery.event.payload[..] {
            b"0" => End::Trap("boom".into()),
            b"1" => End::Timeout,
            b"2" => End::Limit("memory".into()),
            b"3" => End::Unstarted("no memory".into()),
            _ => End::Done,
        })
    });
    site.start(vec![with(|handler| handler.on_trap = OnTrap::Dead, ends)]);
    site.record(0..5, &["h"]);
    site.until(DeliveryState::Dead, 1);
    site.until(DeliveryState::Retrying, 3);
    site.until(DeliveryState::Done, 1);
    use AttemptOutcome::{Done, Error, Limit, Reject, Timeout, Trap};
    for outcome in [Done, Error, Limit, Timeout, Trap] {
        site.counts(outcome, 1);
    }
    assert_eq!(site.outcome(Reject), 0);
    site.stop();
}

#[test]
fn a_delivery_that_is_too_old_is_dead_with_attempts_left() {
    let mut site = Site::new();
    let total = Duration::from_secs(14);
    let fails = Box::new(|_: &Delivery| ended(End::Timeout));
    site.start(vec![with(|h| h.retry.total = Some(total), fails)]);
    site.record(0..1, &["h"]);
    // The second attempt comes after 5 s. The third would come after 15 s.
    site.until(DeliveryState::Retrying, 1);
    site.clock.advance(ms(5_000));
    site.dispatcher.wake();
    site.until(DeliveryState::Dead, 1);
    site.counts(AttemptOutcome::Timeout, 2);
    site.stop();
}

#[test]
fn a_failure_before_the_guest_runs_is_no_attempt_and_has_a_pause() {
    let mut site = Site::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let began = Instant::now();
    let unreadable = Box::new(move |_: &Delivery| {
        ended(if counted.fetch_add(1, Ordering::SeqCst) < 3 {
            End::Ledger(LedgerError::Unreadable("not now".into()))
        } else {
            End::Done
        })
    });
    site.start(vec![with(|handler| handler.concurrency = 1, unreadable)]);
    site.record(0..1, &["h"]);
    site.until(DeliveryState::Done, 1);
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    assert!(
        began.elapsed() >= Duration::from_millis(1500),
        "a pause after each"
    );
    site.counts(AttemptOutcome::Done, 1);
    assert_eq!(site.outcome(AttemptOutcome::Error), 0);
    site.stop();
}

#[test]
fn a_failed_instantiation_is_retried_by_the_policy() {
    let mut site = Site::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let fails = Box::new(move |_: &Delivery| {
        counted.fetch_add(1, Ordering::SeqCst);
        ended(End::Unstarted("no memory".into()))
    });
    site.start(vec![with(|_| (), fails)]);
    site.record(0..10, &["h"]);
    site.until(DeliveryState::Retrying, 10);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(calls.load(Ordering::SeqCst), 10);
    site.stop();
}

#[test]
fn waiting_for_a_place_is_no_attempt() {
    let mut site = Site::new();
    let seen = Seen::default();
    let note = seen.clone();
    let work = Box::new(move |delivery: &Delivery| {
        assert_eq!(delivery.attempts, 0);
        note.note(delivery);
        std::thread::sleep(Duration::from_millis(2));
        ended(End::Done)
    });
    site.start(vec![with(|handler| handler.concurrency = 1, work)]);
    site.record(0..50, &["h"]);
    site.until(DeliveryState::Done, 50);
    seen.once_each(50);
    site.counts(AttemptOutcome::Done, 50);
    site.stop();
}
