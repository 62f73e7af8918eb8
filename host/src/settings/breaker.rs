//! `breaker`: when the runs of a handler fail so often that no more start for a while.

use std::time::Duration;

/// When a handler's runs fail so often that no more are started for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSettings {
    /// `failures`: the share of failed runs that opens it, above 0, up to 1. Default 0.9.
    pub failures: f64,
    /// `of`: so many of the last runs are looked at. Default 20.
    pub of: usize,
    /// `within`: these must have ended within this time. Default 1 min.
    pub within: Duration,
    /// `open`: how long nothing is started before one run is tried. Default 30 s.
    pub open: Duration,
}
