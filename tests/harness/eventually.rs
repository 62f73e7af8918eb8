//! Assertions that wait for what must come true, up to a deadline, rather than sleep.

use std::time::{Duration, Instant};

/// How long anything may take on a busy machine before it counts as never.
const DEADLINE: Duration = Duration::from_secs(40);
/// How often to look.
const INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `look` finds something; fails with `what` when it does not in time.
#[track_caller]
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, look).unwrap_or_else(|| panic!("waited {DEADLINE:?} in vain: {what}"))
}

/// Waits until `holds`; fails with `what` when it does not in time.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    until(what, || holds().then_some(()));
}

/// Waits until a count reaches `goal`, as long as it grows; fails with `what` when it does not
/// for a while. For what takes long where there is much of it.
#[track_caller]
pub(crate) fn reaches(what: &str, goal: i64, mut count: impl FnMut() -> i64) {
    let mut last = i64::MIN;
    while last < goal {
        last = until(what, || Some(count()).filter(|now| *now > last));
    }
}

/// Checks that something stays so for a while: for what must not happen, where nothing
/// tells that it will not.
#[track_caller]
pub(crate) fn stays(what: &str, period: Duration, mut holds: impl FnMut() -> bool) {
    let broken = within(period, || (!holds()).then_some(()));
    assert!(broken.is_none(), "did not stay so for {period:?}: {what}");
}

/// Says why a scenario is not played here. With `TOLLGATE_SKIP_NOTHING` set, as where
/// everything is known to be installed, that is a failure.
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
