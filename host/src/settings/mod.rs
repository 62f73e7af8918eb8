//! The settings of a gateway: the plain types that the manifest is parsed into.
//!
//! Nothing here reads TOML. The parser (`manifest`) makes these values once it has found no
//! mistake, and every other part of the gateway reads them. Whatever has a default says so.

mod allow;
mod breaker;
mod handler;
mod network;
mod order;
mod outbox;
mod reload;
mod retry;
mod route;
mod server;
mod source;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::secret::Secret;
use tollgate_ledger::Retention;

pub use allow::Allow;
pub use breaker::BreakerSettings;
pub use handler::{Handler, OnTrap};
pub use network::{Network, NetworkError};
pub use order::{OnBlock, OrderBy, OrderSettings, SupersedeBy};
pub(crate) use outbox::without_port;
pub use outbox::{HostLimit, HostLimits, OutboxSettings};
pub use reload::{Reload, Watch};
pub use retry::RetryPolicy;
pub use route::Route;
pub use server::{BacklogLimits, Server};
pub use source::Source;

/// A manifest that holds no mistake. Paths are absolute, or relative to the working
/// folder if the manifest's own path was; those in the text are relative to its folder.
#[derive(Debug)]
pub struct Manifest {
    /// `[server]`
    pub server: Server,
    /// `admin_token` in `[server]`: what the admin service wants to see, if anything.
    pub admin_token: Option<Secret>,
    /// `backlog` in `[server]`: how much may wait. Default: any number, for any time.
    pub backlog: BacklogLimits,
    /// `[ledger]`
    pub ledger: LedgerSettings,
    /// `[ledger] retention` (default 35 d after an event ended), and `dedup` and `erase` of
    /// each source.
    pub retention: Arc<Retention>,
    /// `[plugins]`
    pub plugins: Plugins,
    /// `[reload]`
    pub reload: Reload,
    /// `[outbox]`
    pub outbox: OutboxSettings,
    /// `[sources.NAME]`, by name.
    pub sources: BTreeMap<SourceName, Arc<Source>>,
    /// `[handlers.NAME]`, by name.
    pub handlers: BTreeMap<HandlerName, Arc<Handler>>,
    /// `[[routes]]`, in the manifest's order.
    pub routes: Vec<Route>,
    /// Files that secrets were read from; a change of one is a change of the manifest.
    pub secret_files: Vec<PathBuf>,
    /// What is allowed but unwise, for the operator to read.
    pub warnings: Vec<String>,
}

/// `[ledger]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerSettings {
    /// `url = "sqlite:PATH"`: the database file. Default `data/tollgate.db`. Its folder
    /// is the data folder, which also holds compiled components and the last good manifest.
    pub path: PathBuf,
}

/// `[plugins]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugins {
    /// `dir`: the folder that components are looked up in. Default `plugins`.
    pub dir: PathBuf,
    /// `memory`: bytes that guests may grow to together, each run counted with its handler's
    /// `memory`. Default: half of what the machine has.
    pub memory: Option<usize>,
}
