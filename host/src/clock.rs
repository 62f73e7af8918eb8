//! Time, as a part that can be replaced.
//!
//! Everything that decides by time asks a [`Clock`]; tests hand in one that they move by
//! hand. There are two kinds of time. The wall clock says what is written down and what
//! others sign; it may be set, forward or back, at any moment. What is to happen so and
//! so long after something else (a retry, a request's next try) goes by the
//! [`SteadyClock`], which nothing sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::event::UnixMillis;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time of day: milliseconds since the Unix epoch.
    fn now(&self) -> UnixMillis;

    /// Milliseconds since some moment, those during which the machine slept included.
    /// Setting the time of day changes nothing about it.
    fn uptime(&self) -> u64;

    /// Tells the moment from which [`Clock::uptime`] counts from others; empty if that
    /// cannot be told.
    fn boot(&self) -> String;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> UnixMillis {
        (**self).now()
    }

    fn uptime(&self) -> u64 {
        (**self).uptime()
    }

    fn boot(&self) -> String {
        (**self).boot()
    }
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        // A clock set before 1970 reads as 1970.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_millis() as u64)
    }

    #[cfg(target_os = "linux")]
    fn uptime(&self) -> u64 {
        let read = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        read.tv_sec.cast_unsigned() * 1000 + read.tv_nsec.cast_unsigned() / 1_000_000
    }

    #[cfg(not(target_os = "linux"))]
    fn uptime(&self) -> u64 {
        static START: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        START.elapsed().as_millis() as u64
    }

    #[cfg(target_os = "linux")]
    fn boot(&self) -> String {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map_or_else(|_| String::new(), |id| id.trim().to_owned())
    }

    #[cfg(not(target_os = "linux"))]
    fn boot(&self) -> String {
        String::new()
    }
}

/// A clock that nothing sets. It begins at the time of day and goes on from there as time
/// passes, also while the machine sleeps; a [`Mark`] lets it go on from one process to
/// the next. Its times are no times of day once that has been set: see
/// [`SteadyClock::ahead`].
pub struct SteadyClock {
    clock: Arc<dyn Clock>,
    /// What is added to the uptime.
    base: AtomicI64,
    /// See [`SteadyClock::ahead`].
    ahead: AtomicI64,
}

/// Two readings of clocks differ by some milliseconds though nobody set one.
const JITTER: u64 = 100;

/// One moment by all clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// By the steady clock.
    pub steady: UnixMillis,
    /// The time of day.
    pub wall: UnixMillis,
    /// See [`Clock::uptime`].
    pub uptime: u64,
    /// See [`Clock::boot`].
    pub boot: String,
}

impl SteadyClock {
    /// Begins at the time of day that `clock` has now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let base = int(clock.now()) - int(clock.uptime());
        Self {
            clock,
            base: AtomicI64::new(base),
            ahead: AtomicI64::new(0),
        }
    }

    /// The time of day: milliseconds since the Unix epoch.
    pub fn wall(&self) -> UnixMillis {
        self.clock.now()
    }

    /// By how many milliseconds it is ahead of the time of day; behind it if negative. The
    /// same until the time of day is set, so that one moment has one name.
    pub fn ahead(&self) -> i64 {
        let known = self.ahead.load(Ordering::SeqCst);
        let read = int(self.now()) - int(self.wall());
        if read.abs_diff(known) <= JITTER {
            return known;
        }
        self.ahead.store(read, Ordering::SeqCst);
        read
    }

    /// The time since a time of day: by this clock or by the wall clock, whichever has it
    /// shorter, so that setting the time of day makes nothing old.
    pub fn since(&self, wall: UnixMillis) -> Duration {
        Duration::from_millis(self.cautious().saturating_sub(wall))
    }

    /// The time of day, or the time of this clock if that is earlier: for what is to end
    /// at an age, and must not end because the time of day was set forward.
    pub fn cautious(&self) -> UnixMillis {
        self.wall().min(self.now())
    }

    /// The present moment.
    pub fn mark(&self) -> Mark {
        let steady = self.now();
        Mark {
            steady,
            wall: steady.saturating_add_signed(-self.ahead()),
            uptime: self.clock.uptime(),
            boot: self.clock.boot(),
        }
    }

    /// Goes on from an earlier moment. How much time has passed since is known if the
    /// machine has not been started anew meanwhile; otherwise the time of day says it.
    pub fn resume(&self, mark: &Mark) {
        let uptime = self.clock.uptime();
        let same = !mark.boot.is_empty() && mark.boot == self.clock.boot();
        let passed = match uptime.checked_sub(mark.uptime).filter(|_| same) {
            Some(passed) => passed,
            None => self.wall().saturating_sub(mark.wall),
        };
        let now = mark.steady.saturating_add(passed);
        self.base.store(int(now) - int(uptime), Ordering::SeqCst);
        let ahead = int(self.now()) - int(self.wall());
        self.ahead.store(ahead, Ordering::SeqCst);
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> UnixMillis {
        let now = int(self.clock.uptime()).saturating_add(self.base.load(Ordering::SeqCst));
        now.max(0).cast_unsigned()
    }

    fn uptime(&self) -> u64 {
        self.clock.uptime()
    }

    fn boot(&self) -> String {
        self.clock.boot()
    }
}

impl std::fmt::Debug for SteadyClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SteadyClock")
            .field("ahead", &self.ahead())
            .finish()
    }
}

fn int(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// Clocks that stand still until they are moved.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Hands>);

#[derive(Debug)]
struct Hands {
    wall: AtomicU64,
    uptime: AtomicU64,
}

impl ManualClock {
    /// Clocks that show `now`.
    pub fn at(now: UnixMillis) -> Self {
        Self(Arc::new(Hands {
            wall: AtomicU64::new(now),
            uptime: AtomicU64::new(now),
        }))
    }

    /// A steady clock by these.
    pub fn steady(&self) -> Arc<SteadyClock> {
        Arc::new(SteadyClock::new(Arc::new(self.clone())))
    }

    /// Sets the time of day, forward or back. No time passes.
    pub fn set(&self, now: UnixMillis) {
        self.0.wall.store(now, Ordering::SeqCst);
    }

    /// Lets time pass until it is `then` by the time of day.
    pub fn pass_until(&self, then: UnixMillis) {
        self.advance(then.saturating_sub(self.now()));
    }

    /// Lets `millis` pass.
    pub fn advance(&self, millis: u64) {
        self.0.wall.fetch_add(millis, Ordering::SeqCst);
        self.0.uptime.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        self.0.wall.load(Ordering::SeqCst)
    }

    fn uptime(&self) -> u64 {
        self.0.uptime.load(Ordering::SeqCst)
    }

    fn boot(&self) -> String {
        "manual".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixMillis = 1_780_000_000_000;
    const HOUR: u64 = 3_600_000;

    fn clocks() -> (ManualClock, SteadyClock) {
        let manual = ManualClock::at(START);
        (manual.clone(), SteadyClock::new(Arc::new(manual)))
    }

    #[test]
    fn nothing_but_time_moves_it() {
        let (manual, steady) = clocks();
        assert_eq!(steady.now(), START);
        manual.set(START - HOUR);
        assert_eq!((steady.now(), steady.ahead()), (START, HOUR as i64));
        manual.advance(7);
        assert_eq!(steady.now(), START + 7);
        manual.set(START + HOUR);
        assert_eq!((steady.now(), steady.wall()), (START + 7, START + HOUR));
        assert_eq!(steady.ahead(), 7 - HOUR as i64);
    }

    #[test]
    fn what_two_readings_differ_by_is_no_setting() {
        let (manual, steady) = clocks();
        for wall in [START + 1, START - 1, START + JITTER] {
            manual.set(wall);
            assert_eq!((steady.ahead(), steady.mark().wall), (0, START));
        }
        manual.set(START + JITTER + 1);
        assert_eq!(steady.ahead(), -(JITTER as i64) - 1);
        manual.set(START);
        assert_eq!(steady.ahead(), 0);
    }

    #[test]
    fn an_age_is_the_shorter_one() {
        let (manual, steady) = clocks();
        manual.advance(10);
        assert_eq!(steady.since(START), Duration::from_millis(10));
        manual.set(START + HOUR);
        assert_eq!(steady.since(START), Duration::from_millis(10));
        manual.set(START - HOUR);
        assert_eq!(steady.since(START), Duration::ZERO);
        assert_eq!(steady.cautious(), START - HOUR);
    }

    #[test]
    fn it_goes_on_in_the_next_process_whatever_was_set_meanwhile() {
        let (manual, steady) = clocks();
        manual.set(START - HOUR);
        let mark = steady.mark();
        manual.advance(1_000);
        manual.set(START + 9 * HOUR);
        let next = SteadyClock::new(Arc::new(manual));
        assert_eq!(next.now(), START + 9 * HOUR, "before it knows better");
        next.resume(&mark);
        assert_eq!(next.now(), START + 1_000);
    }

    #[test]
    fn after_a_start_of_the_machine_the_time_of_day_says_what_passed() {
        let (manual, steady) = clocks();
        let mark = Mark {
            steady: START + HOUR,
            wall: START - 5_000,
            uptime: 0,
            boot: "another".to_owned(),
        };
        steady.resume(&mark);
        assert_eq!(steady.now(), START + HOUR + 5_000);
        // An uptime that is less than it was belongs to another start, whatever it says.
        let again = Mark {
            uptime: START + 1,
            boot: manual.boot(),
            ..mark.clone()
        };
        steady.resume(&again);
        assert_eq!(steady.now(), START + HOUR + 5_000);
        // A clock that lost its battery has no time pass, and none go back.
        manual.set(0);
        steady.resume(&mark);
        assert_eq!(steady.now(), START + HOUR);
    }

    #[test]
    fn the_machine_has_an_uptime_and_a_boot() {
        let before = SystemClock.uptime();
        std::thread::yield_now();
        assert!(SystemClock.uptime() >= before);
        #[cfg(target_os = "linux")]
        assert_eq!(SystemClock.boot().len(), 36);
    }
}
