//! `breaker`: the circuit breaker of a handler. It stops new runs after many failed runs.

use std::time::Duration;

/// The circuit breaker of a handler: when it opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSettings {
    /// `failures`: the share of failed runs that opens the breaker, above 0, up to 1. Default 0.9.
    pub failures: f64,
    /// `of`: how many of the last runs the breaker looks at. Default 20.
    pub of: usize,
    /// `within`: the breaker opens only if those runs ended within this time. Default 1 min.
    pub within: Duration,
    /// `open`: how long an open breaker starts no run. Then it tries one. Default 30 s.
    pub open: Duration,
}
