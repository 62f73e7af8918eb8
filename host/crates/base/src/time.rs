//! Time, as a part that can be replaced.
//!
//! Everything that decides by time asks a [`Clock`]; tests hand in one that they move by
//! hand. There are two kinds of time, each with a type of its own. [`WallTime`] is the time
//! of day: it is written down, others sign it, and it may be set, forward or back, at any
//! moment. [`SteadyTime`] is the time of the [`SteadyClock`], which nothing sets: whatever
//! is to happen so and so long after something else (a retry, a request's next try) goes by
//! it. Only this module turns one kind into the other: see [`Ahead`].

use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A time of day: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(u64);

/// A time by the steady clock, in milliseconds. A number of this kind is no time of day, so
/// it has no JSON form: people are shown the [`WallTime`] that [`Ahead::wall`] makes of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SteadyTime(u64);

macro_rules! time {
    ($time:ident) => {
        impl $time {
            /// The time of this many milliseconds.
            pub const fn from_millis(millis: u64) -> Self {
                Self(millis)
            }

            /// The time in milliseconds.
            pub const fn as_millis(self) -> u64 {
                self.0
            }

            /// How much later this time is than `earlier`; zero if it is not later.
            pub const fn since(self, earlier: Self) -> Duration {
                Duration::from_millis(self.0.saturating_sub(earlier.0))
            }
        }

        impl Add<Duration> for $time {
            type Output = Self;

            /// Ends at the latest time that there is.
            fn add(self, duration: Duration) -> Self {
                Self(self.0.saturating_add(millis(duration)))
            }
        }

        impl Sub<Duration> for $time {
            type Output = Self;

            /// Ends at time zero.
            fn sub(self, duration: Duration) -> Self {
                Self(self.0.saturating_sub(millis(duration)))
            }
        }
    };
}

time!(WallTime);
time!(SteadyTime);

impl WallTime {
    /// The Unix epoch. Before every reading of a clock.
    pub const EPOCH: Self = Self(0);

    /// The time of this many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The whole seconds of the time.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }
}

impl SteadyTime {
    /// Before every reading of the clock: whatever is due then is due at once.
    pub const ZERO: Self = Self(0);
}

/// Whole milliseconds, as times are counted.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// By how much the steady clock is ahead of the time of day; behind it if negative. Turns
/// one kind of time into the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ahead(i64);

impl Ahead {
    /// Ahead by this many milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The difference in milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The difference between two times of one moment.
    fn between(steady: SteadyTime, wall: WallTime) -> Self {
        Self(int(steady.0) - int(wall.0))
    }

    /// The time of day at a steady time, as the time of day stands now.
    pub const fn wall(self, steady: SteadyTime) -> WallTime {
        WallTime(steady.0.saturating_add_signed(self.0.saturating_neg()))
    }

    /// The steady time at a time of day, as the time of day stands now.
    pub const fn steady(self, wall: WallTime) -> SteadyTime {
        SteadyTime(wall.0.saturating_add_signed(self.0))
    }
}

/// How old times of day are at one moment. An age is the shorter one of two: by the time of
/// day, and by the steady clock. So nothing becomes old because the time of day was set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ages {
    /// The earlier one of both clocks' readings. The steady clock begins at a time of day, so
    /// its reading is the time of day that would be now if nobody had set any since.
    now: WallTime,
}

impl Ages {
    fn at(wall: WallTime, steady: SteadyTime) -> Self {
        Self {
            now: wall.min(WallTime(steady.0)),
        }
    }

    /// How long ago it was; zero for a time that is still to come.
    pub const fn of(self, then: WallTime) -> Duration {
        self.now.since(then)
    }

    /// Whether a time lies back by `age` or more.
    pub fn is_past(self, then: WallTime, age: Duration) -> bool {
        then + age <= self.now
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> WallTime;

    /// The time since some moment, the time during which the machine slept included.
    /// Setting the time of day changes nothing about it.
    fn uptime(&self) -> Duration;

    /// Tells the moment from which [`Clock::uptime`] counts from others; empty if that
    /// cannot be told.
    fn boot(&self) -> String;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> WallTime {
        (**self).now()
    }

    fn uptime(&self) -> Duration {
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
    fn now(&self) -> WallTime {
        // A clock set before 1970 reads as 1970.
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
        WallTime::EPOCH + elapsed.unwrap_or_default()
    }

    #[cfg(target_os = "linux")]
    fn uptime(&self) -> Duration {
        let read = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(
            read.tv_sec.cast_unsigned(),
            u32::try_from(read.tv_nsec).unwrap_or(0),
        )
    }

    #[cfg(not(target_os = "linux"))]
    fn uptime(&self) -> Duration {
        static START: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        START.elapsed()
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
    /// The milliseconds that are added to the uptime.
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
    pub fn mark(&self) -> Mark {
        let steady = self.now();
        Mark {
            steady,
            wall: self.ahead().wall(steady),
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

fn int(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    const START: WallTime = WallTime(1_780_000_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn clocks() -> (ManualClock, SteadyClock) {
        let manual = ManualClock::at(START);
        (manual.clone(), SteadyClock::new(Arc::new(manual)))
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// The steady time that is this time of day as long as nobody sets that.
    fn steadily(wall: WallTime) -> SteadyTime {
        SteadyTime(wall.0)
    }

    #[test]
    fn nothing_but_time_moves_it() {
        let (manual, steady) = clocks();
        let hour = HOUR.as_millis() as i64;
        assert_eq!(steady.now(), steadily(START));
        manual.set(START - HOUR);
        assert_eq!(
            (steady.now(), steady.ahead()),
            (steadily(START), Ahead(hour))
        );
        manual.advance(ms(7));
        assert_eq!(steady.now(), steadily(START + ms(7)));
        manual.set(START + HOUR);
        assert_eq!(
            (steady.now(), steady.wall()),
            (steadily(START + ms(7)), START + HOUR)
        );
        assert_eq!(steady.ahead(), Ahead(7 - hour));
    }

    #[test]
    fn what_two_readings_differ_by_is_no_setting() {
        let (manual, steady) = clocks();
        for wall in [START + ms(1), START - ms(1), START + ms(JITTER)] {
            manual.set(wall);
            assert_eq!((steady.ahead(), steady.mark().wall), (Ahead(0), START));
        }
        manual.set(START + ms(JITTER + 1));
        assert_eq!(steady.ahead(), Ahead(-(JITTER as i64) - 1));
        manual.set(START);
        assert_eq!(steady.ahead(), Ahead(0));
    }

    #[test]
    fn one_kind_of_time_becomes_the_other_and_back() {
        let ahead = Ahead(250);
        assert_eq!(ahead.wall(SteadyTime(1000)), WallTime(750));
        assert_eq!(ahead.steady(WallTime(750)), SteadyTime(1000));
        let behind = Ahead(-250);
        assert_eq!(behind.wall(SteadyTime(1000)), WallTime(1250));
        assert_eq!(behind.steady(WallTime(1250)), SteadyTime(1000));
        assert_eq!(ahead.wall(SteadyTime::ZERO), WallTime::EPOCH);
        assert_eq!(behind.steady(WallTime::EPOCH), SteadyTime::ZERO);
    }

    #[test]
    fn times_end_at_both_ends() {
        assert_eq!(WallTime(5) - ms(6), WallTime::EPOCH);
        assert_eq!(SteadyTime(5) + Duration::MAX, SteadyTime(u64::MAX));
        assert_eq!(WallTime(5).since(WallTime(6)), Duration::ZERO);
        assert_eq!(WallTime(6).since(WallTime(5)), ms(1));
    }

    #[test]
    fn an_age_is_the_shorter_one() {
        let (manual, steady) = clocks();
        manual.advance(ms(10));
        assert_eq!(steady.since(START), ms(10));
        manual.set(START + HOUR);
        assert_eq!(steady.since(START), ms(10));
        assert!(steady.ages().is_past(START, ms(10)));
        assert!(!steady.ages().is_past(START, ms(11)));
        manual.set(START - HOUR);
        assert_eq!(steady.since(START), Duration::ZERO);
        assert!(!steady.ages().is_past(START, Duration::ZERO));
        assert!(steady.ages().is_past(START - HOUR, Duration::ZERO));
    }

    #[test]
    fn it_goes_on_in_the_next_process_whatever_was_set_meanwhile() {
        let (manual, steady) = clocks();
        manual.set(START - HOUR);
        let mark = steady.mark();
        manual.advance(ms(1_000));
        manual.set(START + HOUR * 9);
        let next = SteadyClock::new(Arc::new(manual));
        assert_eq!(
            next.now(),
            steadily(START + HOUR * 9),
            "before it knows better"
        );
        next.resume(&mark);
        assert_eq!(next.now(), steadily(START + ms(1_000)));
    }

    #[test]
    fn after_a_start_of_the_machine_the_time_of_day_says_what_passed() {
        let (manual, steady) = clocks();
        let mark = Mark {
            steady: steadily(START + HOUR),
            wall: START - ms(5_000),
            uptime: Duration::ZERO,
            boot: "another".to_owned(),
        };
        steady.resume(&mark);
        assert_eq!(steady.now(), steadily(START + HOUR + ms(5_000)));
        // An uptime that is less than it was belongs to another start, whatever it says.
        let again = Mark {
            uptime: ms(START.0 + 1),
            boot: manual.boot(),
            ..mark.clone()
        };
        steady.resume(&again);
        assert_eq!(steady.now(), steadily(START + HOUR + ms(5_000)));
        // A clock that lost its battery has no time pass, and none go back.
        manual.set(WallTime::EPOCH);
        steady.resume(&mark);
        assert_eq!(steady.now(), steadily(START + HOUR));
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
