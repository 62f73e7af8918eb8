//! What a watcher of alerts looks at, as plain values.

use std::time::Duration;

use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::time::{SteadyTime, WallTime};

/// The facts at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) now: WallTime,
    /// For delays: nobody sets this clock.
    pub(crate) steady: SteadyTime,
    /// The name of the machine.
    pub(crate) gateway: String,
    pub(crate) sources: Vec<SourceFacts>,
    pub(crate) handlers: Vec<HandlerFacts>,
    /// How often a delivery became dead, since the ledger was made. `None` if that is not known
    /// yet.
    pub(crate) died: Option<u64>,
    /// For how long the oldest due delivery has been due.
    pub(crate) backlog_age: Duration,
    /// The ends of the certificates of the ingress, by name.
    pub(crate) certificates: Vec<(String, WallTime)>,
    /// The free share of the disk; `None` if that is not known.
    pub(crate) disk_free: Option<f64>,
    /// Whether the files as they are cannot serve.
    pub(crate) reload_failing: bool,
}

/// A source of the serving generation.
#[derive(Debug, Clone)]
pub(crate) struct SourceFacts {
    pub(crate) name: SourceName,
    /// Events since the start, new or not.
    pub(crate) events: u64,
    /// Requests that were acknowledged since the start.
    pub(crate) acknowledged: u64,
    /// Requests that were refused since the start.
    pub(crate) refused: u64,
    /// The ends of its secrets, in the manifest's order.
    pub(crate) secrets: Vec<Option<WallTime>>,
}

/// A handler of the serving generation.
#[derive(Debug, Clone)]
pub(crate) struct HandlerFacts {
    pub(crate) name: HandlerName,
    /// Whether its breaker is open, or tries one run at a time.
    pub(crate) breaker_open: bool,
    pub(crate) rolled_back: bool,
}
