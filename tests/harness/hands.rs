//! The time of day of a gateway, set from outside: see `tests/clock/hands.c`.

use std::fs;
use std::path::PathBuf;

use super::preload::library;
use super::{Launch, Site, now};

/// The hands of the clock of the gateways that are started under it.
pub(crate) struct Hands {
    library: PathBuf,
    offset: PathBuf,
}

impl Hands {
    /// They show the machine's time.
    pub(crate) fn new(site: &Site) -> Self {
        let hands = Self {
            library: library(site, "clock/hands.c"),
            offset: site.path("clock.offset"),
        };
        fs::write(&hands.offset, 0_i64.to_ne_bytes()).unwrap();
        hands
    }

    /// A gateway that is to be started under them.
    pub(crate) fn under(&self, site: &Site) -> Launch {
        Launch::new(site)
            .env("LD_PRELOAD", &self.library)
            .env("CLOCK_OFFSET", &self.offset)
    }

    /// Sets them so many seconds ahead of the machine's time; behind it, if negative.
    pub(crate) fn set(&self, seconds: i64) {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().write(true).open(&self.offset).unwrap();
        // In place: the gateway has the file mapped.
        file.write_all_at(&(seconds * 1000).to_ne_bytes(), 0)
            .unwrap();
    }

    /// What they show, in seconds since the Unix epoch.
    pub(crate) fn show(&self) -> u64 {
        let offset = i64::from_ne_bytes(fs::read(&self.offset).unwrap().try_into().unwrap());
        now().strict_add_signed(offset / 1000)
    }
}
