//! The manifest: what `tollgate.toml` says, checked as a whole.
//!
//! Reading happens in two steps: the TOML text becomes a tree that remembers where each
//! value stands, and validation turns that into a [`Manifest`] or into a list of every
//! mistake in it. Nothing outside this module sees the raw tree.

mod allow;
mod backlog;
mod breaker;
mod defaults;
mod expiry;
mod fields;
mod handlers;
mod hosts;
mod json;
mod names;
mod order;
mod quantity;
mod raw;
mod report;
mod retention;
mod retry;
mod routes;
mod schemes;
mod secrets;
mod sources;
mod substitute;
#[cfg(test)]
mod tests;
mod validate;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::event::{HandlerName, SourceName};
use crate::ledger::{Retention, SourceRetention};
pub use crate::rate::Rate;
use crate::scheme::{Settings, Template, Verifier};
use crate::secret::Secret;
use crate::suggest;

pub use expiry::SecretState;
pub use hosts::{HostLimit, HostLimits};
pub(crate) use quantity::parse_duration;
pub use report::{Mistake, Mistakes};
pub use values::{NetworkError, OriginError};

/// Reads and checks the manifest in this file. `env` answers with the value of an
/// environment variable.
///
/// # Errors
/// Every mistake in it, or that it cannot be read.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Manifest, Mistakes> {
    let unreadable =
        |why: String| Mistakes::of_file(path, format!("the manifest cannot be read: {why}"));
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    parse(&text, path, env)
}

/// Checks the text of a manifest as if it stood in the file `origin`, which is named in
/// messages and whose folder relative paths start from. Files that hold secrets are read.
///
/// # Errors
/// Every mistake in it.
pub fn parse(
    text: &str,
    origin: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Manifest, Mistakes> {
    validate::manifest(text, origin, env)
}

/// The schemes that `[schemes.NAME]` of a manifest's text describe, by name. Nothing else of
/// it is looked at, so it needs neither an environment nor files.
///
/// # Errors
/// Every mistake in them.
pub fn own_schemes(text: &str, origin: &Path) -> Result<BTreeMap<String, Arc<Template>>, Mistakes> {
    validate::own_schemes(text, origin)
}

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

/// `[server]`: the listeners and their limits. Changing addresses needs a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `listen`: where providers post to. Default 0.0.0.0:8080.
    pub listen: SocketAddr,
    /// `admin`: health, status and the admin API. Default 127.0.0.1:8081; any other than
    /// a loopback address needs `admin_token`.
    pub admin: SocketAddr,
    /// `body_limit` in bytes; default 1 MiB. A source may set its own.
    pub body_limit: usize,
    /// `header_timeout`: from the connection's (or last answer's) end to the end of the headers. Default 10 s.
    pub header_timeout: Duration,
    /// `body_timeout`: from the end of the headers to the end of the body. Default 20 s.
    pub body_timeout: Duration,
    /// `connections`: how many may be open at once. Default 4096.
    pub connections: usize,
    /// `shutdown_timeout`: how long work in flight may take to end. Default 25 s.
    pub shutdown_timeout: Duration,
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

/// `[outbox]`
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxSettings {
    /// `concurrency`: requests under way at once. Default 64.
    pub concurrency: usize,
    /// `timeout` of one try, from connecting to the end of the answer. Default 30 s.
    pub timeout: Duration,
    /// `per_host` and `hosts`: what receivers bear.
    pub hosts: Arc<HostLimits>,
    /// `retry` policy. Default 16 attempts, first 1 s, factor 2, max 1 h, jitter 0.2.
    pub retry: RetryPolicy,
}

/// `[sources.NAME]`: an endpoint that a provider posts to.
#[derive(Debug)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// `path`: the URL path, from `/`, matched exactly. Unique.
    pub path: String,
    /// `scheme`, `secrets`, `tolerance` and the scheme's own settings, ready to verify with.
    pub verifier: Verifier,
    /// What `verifier` was built of, to explain refusals with.
    pub settings: Settings,
    /// What `[schemes.NAME]` says, if its scheme is one of the manifest's own.
    pub template: Option<Arc<Template>>,
    /// `body_limit` in bytes.
    pub body_limit: usize,
    /// `dedup`: how long keys are kept; for good by default where the scheme checks no time,
    /// 35 d where it does. `erase`: when payloads are erased.
    pub retention: SourceRetention,
}

/// `[handlers.NAME]`: a component with its settings.
#[derive(Debug)]
pub struct Handler {
    /// Its name.
    pub name: HandlerName,
    /// `component`: the file, within `plugins.dir` unless absolute.
    pub component: PathBuf,
    /// `concurrency`: runs at once. Default 16.
    pub concurrency: usize,
    /// `rate`: runs that may start in a time, such as `100/s`. Default: as many as there are.
    pub rate: Option<Rate>,
    /// `breaker`; none with `breaker = false`.
    pub breaker: Option<BreakerSettings>,
    /// `rollback`: whether the component before serves again when a new one breaks down.
    /// Default true.
    pub rollback: bool,
    /// `retry`. Default 12 attempts, first 5 s, factor 3, max 6 h, jitter 0.2, no total.
    pub retry: RetryPolicy,
    /// `order_by` with `on_block` and `supersede_by`. Default: deliveries run side by side, in any order.
    pub order: Option<OrderSettings>,
    /// `on_trap`: `"retry"` (default) or `"dead"`. Timeouts and limits are always tried again.
    pub on_trap: OnTrap,
    /// `config`: strings as they are, other values as JSON text.
    pub config: BTreeMap<String, String>,
    /// The limits on each run.
    pub limits: Limits,
    /// `[[handlers.NAME.allow]]`: where its outbox requests may go.
    pub allow: Vec<Allow>,
    /// `fixtures`: files that match this pattern are run before a new version is swapped in.
    pub fixtures: Option<PathBuf>,
}

/// Limits on one run of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `timeout`: time of a run, without what it waited for other long ones. Default 2 s,
    /// 10 min at most.
    pub timeout: Duration,
    /// `memory`: bytes of all its linear memories together. Default 64 MiB, 1 GiB at most.
    pub memory: usize,
    /// `tables`: elements of all its tables together. Default 100,000.
    pub tables: usize,
    /// `output`: bytes kept of stdout and stderr together. Default 16 KiB.
    pub output: usize,
    /// `logs`: bytes of log lines kept. Default 64 KiB.
    pub logs: usize,
    /// `calls`: calls of the host. Default 10,000.
    pub calls: u32,
    /// `effects`: bytes of state writes, outbox requests and emitted events together. Default 1 MiB.
    pub effects: usize,
    /// `response`: bytes of the body of an answer that the handler asked for. Default 64 KiB,
    /// 4 MiB at most.
    pub response: usize,
}

/// An origin that a handler's requests may go to.
#[derive(Debug, Clone)]
pub struct Allow {
    /// `origin`: `http` or `https` scheme, host, port; no path.
    pub origin: Origin,
    /// `addresses`: networks in which the origin's address may lie although it is private,
    /// loopback or link-local. An origin whose host is an address lists that address itself.
    pub addresses: Vec<Network>,
    /// `headers`: added by the host as it sends, to this origin alone.
    pub headers: Vec<(String, Secret)>,
}

/// Scheme, host and port of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether the scheme is `https`.
    pub https: bool,
    /// The host in lower case; an IPv6 address without its brackets.
    pub host: String,
    /// The port, the scheme's default when the URL names none.
    pub port: u16,
}

/// A network in CIDR form: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Any address of the network.
    pub address: std::net::IpAddr,
    /// 0 to 32 or 128.
    pub prefix: u8,
}

/// How much may wait before it is too much. What is not set has no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BacklogLimits {
    /// `deliveries` that are to be run, or run again.
    pub deliveries: Option<u64>,
    /// `requests` that wait in the outbox.
    pub requests: Option<u64>,
    /// `age`: how long a delivery may have been due, of a handler that is not paused.
    pub age: Option<Duration>,
    /// `refuse`: whether events are then refused (503) until it is clearly less. Default false.
    pub refuse: bool,
}

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

/// When to try again, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first one included; at least 1.
    pub attempts: u32,
    /// The delay before the second attempt.
    pub first: Duration,
    /// What each delay is multiplied by for the next; at least 1.
    pub factor: f64,
    /// The longest delay.
    pub max: Duration,
    /// The share of the delay that is left to chance, 0 to 1.
    pub jitter: f64,
    /// How old it may be at the next attempt, by the clock, since it came up; beyond, it is
    /// given up although attempts are left.
    pub total: Option<Duration>,
}

/// By what deliveries of a handler are ordered: those with the same key run one after
/// another, in the order of arrival, and no others wait for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSettings {
    /// `order_by`
    pub by: OrderBy,
    /// `on_block`
    pub on_block: OnBlock,
    /// `supersede_by`: an event that is older by this than the last one of its key that was
    /// done is ignored, without being run. Default: none is.
    pub supersede_by: Option<SupersedeBy>,
}

/// By what events of a key are older or newer. Where there is no number and no time, the
/// event is neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SupersedeBy {
    /// The event's own time.
    Created,
    /// What stands at this JSON pointer in the payload: a number, or a text that is one or is
    /// an RFC 3339 date and time.
    Pointer(String),
}

/// Where the key of a delivery comes from. Where there is nothing, or `null`, or the payload
/// is no JSON, the delivery has no key and waits for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderBy {
    /// The event's account.
    Account,
    /// The event's subject.
    Subject,
    /// What stands at this JSON pointer in the payload, whatever its type.
    Pointer(String),
}

/// What a dead delivery means for later ones of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBlock {
    /// `"skip-after-dead"`: they go on. The default, since one event that can never be handled
    /// would otherwise stop all that comes for its customer until somebody looks.
    #[default]
    SkipAfterDead,
    /// `"wait"`: they wait until an operator has replayed or cancelled it.
    Wait,
}

/// What a trap of the guest means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnTrap {
    /// Another attempt by the retry policy.
    #[default]
    Retry,
    /// The delivery is dead: the same bytes will trap again.
    Dead,
}

/// `[[routes]]`: from events of a source to handlers.
#[derive(Debug, Clone)]
pub struct Route {
    /// `source`: a source's name or `handler:NAME`.
    pub source: SourceName,
    /// `events`: exact types, or globs in which `*` stands for any characters.
    pub events: Vec<EventPattern>,
    /// `where`: JSON pointers into the payload and the value that each must have; all must hold.
    pub filter: Vec<(String, serde_json::Value)>,
    /// `handlers`.
    pub handlers: Vec<HandlerName>,
}

/// A pattern over event types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPattern(pub(crate) String);
