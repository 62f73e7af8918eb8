//! Clocks that a test moves by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock::Clock;
use super::kinds::{WallTime, millis};
use super::steady::SteadyClock;

/// Clocks that stand still until they are moved.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Hands>);

/// Milliseconds.
#[derive(Debug)]
struct Hands {
    wall: AtomicU64,
    uptime: AtomicU64,
}

impl ManualClock {
    /// Clocks that show `now`.
    pub fn at(now: WallTime) -> Self {
        Self(Arc::new(Hands {
            wall: AtomicU64::new(now.0),
            uptime: AtomicU64::new(now.0),
        }))
    }

    /// A steady clock by these.
    pub fn steady(&self) -> Arc<SteadyClock> {
        Arc::new(SteadyClock::new(Arc::new(self.clone())))
    }

    /// Sets the time of day, forward or back. No time passes.
    pub fn set(&self, now: WallTime) {
        self.0.wall.store(now.0, Ordering::SeqCst);
    }

    /// Lets time pass until it is `then` by the time of day.
    pub fn pass_until(&self, then: WallTime) {
        self.advance(then.since(self.now()));
    }

    /// Lets so much time pass.
    pub fn advance(&self, passes: Duration) {
        self.0.wall.fetch_add(millis(passes), Ordering::SeqCst);
        self.0.uptime.fetch_add(millis(passes), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> WallTime {
        WallTime(self.0.wall.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.0.uptime.load(Ordering::SeqCst))
    }

    fn boot(&self) -> String {
        "manual".to_owned()
    }
}
