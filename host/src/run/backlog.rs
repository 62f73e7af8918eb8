//! What waits to be handled, and whether it is too much.
//!
//! A thread looks every second, by counters and the first entries of indexes: what asks
//! (readiness, status, each request that comes in) reads what it found. Memory is bounded
//! whatever waits, and so is nothing else: the file grows. So the manifest may say how
//! much is too much; the gateway is then not ready and, if it is to, refuses more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::settings::BacklogLimits;
use tollgate_base::time::WallTime;
use tollgate_ledger::Backlog;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Too much has become enough less when it is this share of what is too much: so that
/// who is refused at the limit is not let in and refused by turns.
const RELEASE: f64 = 0.8;

/// What was found at the last look.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    seen: Mutex<Seen>,
    refuses: AtomicBool,
}

#[derive(Debug, Default, Clone)]
struct Seen {
    backlog: Backlog,
    age: Duration,
    /// What is too much, in words.
    over: Vec<String>,
}

impl Gauge {
    /// Takes in what was found, and judges it.
    pub(crate) fn note(&self, backlog: Backlog, limits: &BacklogLimits, now: WallTime) {
        let mut seen = self.seen.lock();
        let due_since = |due: WallTime| now.since(due);
        let age = backlog.oldest.map_or(Duration::ZERO, due_since);
        let was_over = !seen.over.is_empty();
        let over = too_much(limits, &backlog, age, was_over);
        if over.is_empty() == was_over {
            match over.is_empty() {
                true => tracing::info!("what waits to be handled is no longer too much"),
                false => tracing::warn!("too much waits to be handled: {}", over.join("; ")),
            }
        }
        let refuses = limits.refuse && !over.is_empty();
        *seen = Seen { backlog, age, over };
        self.refuses.store(refuses, Ordering::Release);
    }

    /// Whether new events are to be refused.
    pub(crate) fn refuses(&self) -> bool {
        self.refuses.load(Ordering::Acquire)
    }

    /// What is too much, in words; empty if nothing is.
    pub(crate) fn over(&self) -> Vec<String> {
        self.seen.lock().over.clone()
    }

    /// The figures as status shows them.
    pub(crate) fn json(&self) -> Value {
        let seen = self.seen.lock();
        json!({
            "deliveries": seen.backlog.deliveries,
            "requests": seen.backlog.requests,
            "age_ms": u64::try_from(seen.age.as_millis()).unwrap_or(u64::MAX),
            "too_much": seen.over,
            "refuses": self.refuses(),
        })
    }
}

/// What of a backlog is too much. What was too much is so until it is clearly less.
fn too_much(
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

/// Owns the thread that looks; dropping it ends it.
pub(crate) struct Watcher {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Calls `look` now and every second.
    pub(crate) fn start(look: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("backlog".into())
            .spawn(move || {
                loop {
                    look();
                    if stopped.recv_timeout(LOOK) != Err(mpsc::RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Looks at a gateway's ledger.
    pub(crate) fn of(core: Arc<crate::run::core::Core>) -> std::io::Result<Self> {
        Self::start(move || {
            let now = core.clock.now();
            match core.ledger.backlog(now) {
                Ok(backlog) => {
                    let limits = core.current.load().manifest.backlog;
                    core.backlog.note(backlog, &limits, now);
                }
                // What was seen last still stands; that the ledger fails is told elsewhere.
                Err(error) => tracing::debug!(%error, "what waits could not be counted"),
            }
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
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
        let gauge = Gauge::default();
        let refuses = |deliveries, seconds| {
            gauge.note(waiting(deliveries, seconds), &limits(), NOW);
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
        let gauge = Gauge::default();
        gauge.note(waiting(u64::MAX, 500_000), &BacklogLimits::default(), NOW);
        assert!(gauge.over().is_empty());
        let told = BacklogLimits {
            refuse: false,
            requests: Some(4_999),
            ..limits()
        };
        gauge.note(waiting(2_000, 601), &told, NOW);
        assert_eq!(gauge.over().len(), 3);
        assert!(!gauge.refuses());
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_old() {
        let gauge = Gauge::default();
        gauge.note(waiting(1, 0), &limits(), NOW - Duration::from_secs(3600));
        assert!(gauge.over().is_empty());
    }
}
