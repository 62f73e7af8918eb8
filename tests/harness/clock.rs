//! The wall clock of a gateway, set from outside: see `tests/clock/wall_clock.c`.

use std::fs;
use std::path::PathBuf;

use super::preload::library;
use super::{Launch, Site, now};

/// The wall clock of the gateways that start under it.
pub(crate) struct WallClock {
    library: PathBuf,
    offset: PathBuf,
}

impl WallClock {
    /// Makes a clock that shows the machine's time.
    pub(crate) fn new(site: &Site) -> Self {
        let clock = Self {
            library: library(site, "clock/wall_clock.c"),
            offset: site.path("clock.offset"),
        };
        fs::write(&clock.offset, 0_i64.to_ne_bytes()).unwrap();
        clock
    }

    /// Prepares a gateway under this clock.
    pub(crate) fn under(&self, site: &Site) -> Launch {
        Launch::new(site)
            .env("LD_PRELOAD", &self.library)
            .env("CLOCK_OFFSET", &self.offset)
    }

    /// Sets the clock this number of seconds ahead of the machine's time, or behind it if
    /// negative.
    pub(crate) fn set(&self, seconds: i64) {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().write(true).open(&self.offset).unwrap();
        // The write happens in place, because the gateway has mapped the file.
        file.write_all_at(&(seconds * 1000).to_ne_bytes(), 0)
            .unwrap();
    }

    /// Returns the clock's time in seconds since the Unix epoch.
    pub(crate) fn now_seconds(&self) -> u64 {
        let offset = i64::from_ne_bytes(fs::read(&self.offset).unwrap().try_into().unwrap());
        now().strict_add_signed(offset / 1000)
    }
}
