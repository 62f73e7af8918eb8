//! `[reload]`: how the gateway notices changed files.

use std::time::Duration;

/// `[reload]`: how the gateway notices changes of the manifest and of components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    /// `watch`: `"events"` (default), `"poll"` where the file system sends no events, or `"off"`.
    pub watch: Watch,
    /// `poll_interval`, for `watch = "poll"`. Default 2 s.
    pub poll_interval: Duration,
    /// `debounce`: how long no file may change before a reload begins. Default 100 ms.
    pub debounce: Duration,
}

/// How the gateway notices changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// The file system notifies the gateway.
    Events,
    /// The gateway looks at the files at intervals.
    Poll,
    /// The gateway notices no change. SIGHUP reloads.
    Off,
}
