//! `[handlers.NAME]`: a component with its settings.

use std::path::PathBuf;
use std::sync::Arc;

use tollgate_base::event::HandlerName;
use tollgate_base::rate::Rate;
use tollgate_sandbox::Guest;

use super::allow::Allow;
use super::breaker::BreakerSettings;
use super::order::OrderSettings;
use super::retry::RetryPolicy;

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
    /// `config`, the limits on each run, and the origins of `allow`: all that the sandbox knows.
    pub guest: Arc<Guest>,
    /// `[[handlers.NAME.allow]]`: where its outbox requests may go.
    pub allow: Vec<Allow>,
    /// `fixtures`: files that match this pattern are run before a new version is swapped in.
    pub fixtures: Option<PathBuf>,
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
