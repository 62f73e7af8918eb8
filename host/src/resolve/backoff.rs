//! How long an event waits before it is asked about again.

use std::time::Duration;

use super::answer::Then;
use crate::settings::RetryPolicy;

/// The longest wait that the host may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// 1 s, 2 s, 4 s … 5 min, without an end: the event's deliveries wait.
const RETRY: RetryPolicy = RetryPolicy {
    attempts: u32::MAX,
    first: Duration::from_secs(1),
    factor: 2.0,
    max: Duration::from_secs(300),
    jitter: 0.2,
    total: None,
};

/// The wait after so many tries, the last of which ended so.
pub(super) fn wait_after(tries: u32, then: Then) -> Duration {
    let wait = RETRY.delay(tries, fastrand::f64());
    match then {
        Then::HostRests(Some(asked)) => wait.max(asked.min(LONGEST_WAIT)),
        _ => wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_as_long_as_the_host_asks_within_bounds() {
        let asked = |seconds| Then::HostRests(Some(Duration::from_secs(seconds)));
        assert!(wait_after(1, Then::Wait) < Duration::from_secs(2));
        assert_eq!(wait_after(1, asked(7)), Duration::from_secs(7));
        assert_eq!(wait_after(1, asked(1 << 40)), LONGEST_WAIT);
        assert!(wait_after(40, asked(1)) >= Duration::from_secs(240));
        assert!(wait_after(u32::MAX, Then::MendKey) <= Duration::from_secs(300));
    }
}
