//! The parts that a resolver works with.

use std::sync::Arc;

use rustls::ClientConfig;

use super::signals::News;
use crate::settings::Source;
use tollgate_base::time::SteadyClock;
use tollgate_ledger::ResolutionStore;

/// The serving generation's sources.
pub(crate) trait Sources: Send + Sync + 'static {
    /// The sources of the manifest. Events of other sources wait.
    fn sources(&self) -> Vec<Arc<Source>>;

    /// Whether nothing is asked for the present, since the ledger was restored.
    fn is_on_hold(&self) -> bool;
}

/// The parts that a resolver works with.
pub(crate) struct Parts {
    /// The ledger, where events wait.
    pub(crate) ledger: Arc<dyn ResolutionStore>,
    /// The news that the ledger's sink gives.
    pub(crate) news: Arc<News>,
    /// The sources.
    pub(crate) sources: Arc<dyn Sources>,
    /// The clock of due times.
    pub(crate) clock: Arc<SteadyClock>,
    /// The trust in `https` origins.
    pub(crate) tls: ClientConfig,
}
