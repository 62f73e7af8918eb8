//! The clock that nothing sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::clock::Clock;
use super::kinds::{Ages, Ahead, SteadyTime, WallTime, int, millis};

/// A clock that nothing sets. It begins at the time of day and goes on from there as time
/// passes, also while the machine sleeps; a [`ClockReading`] lets it go on from one process to
/// the next. Its times are no times of day once that has been set: see
/// [`SteadyClock::ahead`].
pub struct SteadyClock {
    clock: Arc<dyn Clock>,
    /// The milliseconds that are added to the uptime.
    base: AtomicI64,
    /// See [`SteadyClock::ahead`].
    ahead: AtomicI64,
}

/// Two readings of clocks differ by some milliseconds though nobody set one.
pub(super) const JITTER: u64 = 100;

/// One moment by all clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockReading {
    /// By the steady clock.
    pub steady: SteadyTime,
    /// The time of day.
    pub wall: WallTime,
    /// See [`Clock::uptime`].
    pub uptime: Duration,
    /// See [`Clock::boot`].
    pub boot: String,
}

impl SteadyClock {
    /// Begins at the time of day that `clock` has now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let base = int(clock.now().0) - int(millis(clock.uptime()));
        Self {
            clock,
            base: AtomicI64::new(base),
            ahead: AtomicI64::new(0),
        }
    }

    /// The time by this clock.
    pub fn now(&self) -> SteadyTime {
        let uptime = int(millis(self.clock.uptime()));
        let now = uptime.saturating_add(self.base.load(Ordering::SeqCst));
        SteadyTime(now.max(0).cast_unsigned())
    }

    /// The time of day.
    pub fn wall(&self) -> WallTime {
        self.clock.now()
    }

    /// By how much this clock is ahead of the time of day. The same until the time of day is
    /// set, so that one moment has one name.
    pub fn ahead(&self) -> Ahead {
        let known = self.ahead.load(Ordering::SeqCst);
        let read = Ahead::between(self.now(), self.wall());
        if read.0.abs_diff(known) <= JITTER {
            return Ahead(known);
        }
        self.ahead.store(read.0, Ordering::SeqCst);
        read
    }

    /// The time since a time of day: see [`Ages`].
    pub fn since(&self, wall: WallTime) -> Duration {
        self.ages().of(wall)
    }

    /// How old times of day are now: for whatever ends at an age, and must not end because
    /// the time of day was set forward.
    pub fn ages(&self) -> Ages {
        Ages::at(self.wall(), self.now())
    }

    /// The present moment.
    pub fn reading(&self) -> ClockReading {
        let steady = self.now();
        ClockReading {
            steady,
            wall: self.ahead().wall(steady),
            uptime: self.clock.uptime(),
            boot: self.clock.boot(),
        }
    }

    /// Goes on from an earlier moment. How much time has passed since is known if the
    /// machine has not been started anew meanwhile; otherwise the time of day says it.
    pub fn resume(&self, mark: &ClockReading) {
        let uptime = self.clock.uptime();
        let same = !mark.boot.is_empty() && mark.boot == self.clock.boot();
        let passed = match uptime.checked_sub(mark.uptime).filter(|_| same) {
            Some(passed) => passed,
            None => self.wall().since(mark.wall),
        };
        let now = mark.steady + passed;
        self.base
            .store(int(now.0) - int(millis(uptime)), Ordering::SeqCst);
        let ahead = Ahead::between(self.now(), self.wall());
        self.ahead.store(ahead.0, Ordering::SeqCst);
    }
}

impl std::fmt::Debug for SteadyClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SteadyClock")
            .field("ahead", &self.ahead())
            .finish()
    }
}
