//! The backlog: the deliveries and requests that wait, and whether they are too many.
//!
//! A thread reads counters and the first entries of indexes every second. Readiness, status and
//! each incoming request use the last reading. Memory stays bounded whatever waits, but the file of
//! the ledger grows. So the manifest may set limits: beyond them the gateway is not ready and, if
//! the manifest says so, refuses new events.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::settings::BacklogLimits;
use tollgate_base::thread::OwnedThread;
use tollgate_base::time::WallTime;
use tollgate_ledger::Backlog;

/// The time between two readings.
const INTERVAL: Duration = Duration::from_secs(1);

/// The share of a limit below which a backlog that exceeded the limit is within it again. Without
/// this gap, senders at the limit would be accepted and refused by turns.
const RELEASE: f64 = 0.8;

/// The last reading of the backlog.
#[derive(Debug, Default)]
pub(crate) struct BacklogGauge {
    reading: Mutex<Reading>,
    refuses: AtomicBool,
}

#[derive(Debug, Default, Clone)]
struct Reading {
    backlog: Backlog,
    /// For how long the oldest delivery has been due.
    age: Duration,
    /// The limits that are exceeded, as texts.
    over: Vec<String>,
}

impl BacklogGauge {
    /// Stores a reading and compares it with the limits.
    pub(crate) fn set(&self, backlog: Backlog, limits: &BacklogLimits, now: WallTime) {
        let mut reading = self.reading.lock();
        let due_since = |due: WallTime| now.since(due);
        let age = backlog.oldest.map_or(Duration::ZERO, due_since);
        let was_over = !reading.over.is_empty();
        let over = exceeded(limits, &backlog, age, was_over);
        if over.is_empty() == was_over {
            match over.is_empty() {
                true => tracing::info!("the backlog is within its limits again"),
                false => tracing::warn!("the backlog exceeds its limits: {}", over.join("; ")),
            }
        }
        let refuses = limits.refuse && !over.is_empty();
        *reading = Reading { backlog, age, over };
        self.refuses.store(refuses, Ordering::Release);
    }

    /// Whether new events are to be refused.
    pub(crate) fn refuses(&self) -> bool {
        self.refuses.load(Ordering::Acquire)
    }

    /// The limits that are exceeded, as texts. Empty if there are none.
    pub(crate) fn over(&self) -> Vec<String> {
        self.reading.lock().over.clone()
    }

    /// For how long the oldest delivery has been due.
    pub(crate) fn age(&self) -> Duration {
        self.reading.lock().age
    }

    /// The figures as status shows them.
    pub(crate) fn json(&self) -> Value {
        let reading = self.reading.lock();
        json!({
            "deliveries": reading.backlog.deliveries,
            "requests": reading.backlog.requests,
            "age_ms": u64::try_from(reading.age.as_millis()).unwrap_or(u64::MAX),
            "too_much": reading.over,
            "refuses": self.refuses(),
        })
    }
}

/// The limits that a backlog exceeds, as texts. A limit that was exceeded counts as exceeded until
/// the backlog is clearly below it.
fn exceeded(
    limits: &BacklogLimits,
    backlog: &Backlog,
    age: Duration,
    was_over: bool,
) -> Vec<String> {
    let share = if was_over { RELEASE } else { 1.0 };
    let many = |what: &str, found: u64, limit: Option<u64>| {
        let limit = limit?;
        let over = found as f64 > limit as f64 * share;
        over.then(|| format!("{found} {what} wait, and {limit} are too many"))
    };
    let old = limits
        .age
        .filter(|limit| age > limit.mul_f64(share))
        .map(|limit| format!("a delivery has been due for {age:.0?}, and {limit:?} is too long"));
    [
        many("deliveries", backlog.deliveries, limits.deliveries),
        many("outbox requests", backlog.requests, limits.requests),
        old,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Starts a thread that calls `look` now and every second.
pub(super) fn watch(look: impl Fn() + Send + 'static) -> std::io::Result<OwnedThread> {
    OwnedThread::start("backlog", move |stop| {
        loop {
            look();
            if stop.wait(INTERVAL) {
                return;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_millis(1_000_000_000);

    fn limits() -> BacklogLimits {
        BacklogLimits {
            deliveries: Some(1_000),
            requests: None,
            age: Some(Duration::from_secs(600)),
            refuse: true,
        }
    }

    fn waiting(deliveries: u64, seconds: u64) -> Backlog {
        Backlog {
            deliveries,
            requests: 5_000,
            oldest: Some(NOW - Duration::from_secs(seconds)),
        }
    }

    #[test]
    fn what_passes_a_limit_is_too_much_until_it_is_clearly_less() {
        let gauge = BacklogGauge::default();
        let refuses = |deliveries, seconds| {
            gauge.set(waiting(deliveries, seconds), &limits(), NOW);
            assert_eq!(gauge.refuses(), !gauge.over().is_empty());
            gauge.refuses()
        };
        assert!(!refuses(1_000, 0));
        assert!(refuses(1_001, 0));
        assert!(
            gauge.over()[0].contains("1001 deliveries"),
            "{:?}",
            gauge.over()
        );
        assert!(refuses(900, 0), "not clearly less");
        assert!(!refuses(800, 0));
        assert!(!refuses(900, 0), "not too much either");
        assert!(!refuses(0, 600));
        assert!(refuses(0, 601));
        assert!(refuses(0, 500));
        assert!(!refuses(0, 480));
    }

    #[test]
    fn without_limits_nothing_is_too_much_and_without_refuse_nothing_is_refused() {
        let gauge = BacklogGauge::default();
        gauge.set(waiting(u64::MAX, 500_000), &BacklogLimits::default(), NOW);
        assert!(gauge.over().is_empty());
        let told = BacklogLimits {
            refuse: false,
            requests: Some(4_999),
            ..limits()
        };
        gauge.set(waiting(2_000, 601), &told, NOW);
        assert_eq!(gauge.over().len(), 3);
        assert!(!gauge.refuses());
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_old() {
        let gauge = BacklogGauge::default();
        gauge.set(waiting(1, 0), &limits(), NOW - Duration::from_secs(3600));
        assert!(gauge.over().is_empty());
    }
}
