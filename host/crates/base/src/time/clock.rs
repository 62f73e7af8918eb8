//! The clocks of the machine, behind a trait.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::kinds::WallTime;

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
