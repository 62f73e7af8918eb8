//! Assertions that wait, up to a deadline, until a condition is true.

use std::time::{Duration, Instant};

/// The time after which a condition counts as never true, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(40);
/// The time between two looks.
const INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `look` returns a value. Fails with `what` at the deadline.
#[track_caller]
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, look).unwrap_or_else(|| panic!("waited {DEADLINE:?} in vain: {what}"))
}

/// Waits until `holds` returns true. Fails with `what` at the deadline.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    until(what, || holds().then_some(()));
}

/// Waits until a count reaches `goal`, as long as the count grows. Fails with `what` if the
/// count does not grow until the deadline. This is for counts that take long to reach.
#[track_caller]
pub(crate) fn reaches(what: &str, goal: i64, mut count: impl FnMut() -> i64) {
    let mut last = i64::MIN;
    while last < goal {
        last = until(what, || Some(count()).filter(|now| *now > last));
    }
}

/// Checks that a condition stays true for a period. This is for events that must not happen.
#[track_caller]
pub(crate) fn stays(what: &str, period: Duration, mut holds: impl FnMut() -> bool) {
    let broken = within(period, || (!holds()).then_some(()));
    assert!(broken.is_none(), "did not stay so for {period:?}: {what}");
}

/// Reports the reason why a scenario does not run here. With `TOLLGATE_SKIP_NOTHING` set, a
/// skipped scenario is a failure.
#[track_caller]
pub(crate) fn skip(why: &str) {
    assert!(
        std::env::var_os("TOLLGATE_SKIP_NOTHING").is_none(),
        "nothing may be skipped, but: {why}"
    );
    eprintln!("SKIPPED: {why}");
}

fn within<T>(period: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + period;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(INTERVAL);
    }
}
