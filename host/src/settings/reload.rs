//! `[reload]`: how changes of files are noticed.

use std::time::Duration;

/// `[reload]`: how changes of the manifest and of components are noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    /// `watch`: `"events"` (default), `"poll"` where the file system sends no events, or `"off"`.
    pub watch: Watch,
    /// `poll_interval`, for `watch = "poll"`. Default 2 s.
    pub poll_interval: Duration,
    /// `debounce`: files must have been quiet for so long. Default 100 ms.
    pub debounce: Duration,
}

/// How changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// By the file system's notifications.
    Events,
    /// By looking at intervals.
    Poll,
    /// Not at all; SIGHUP reloads.
    Off,
}
