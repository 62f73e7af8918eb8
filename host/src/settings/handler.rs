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
    /// The handler's name.
    pub name: HandlerName,
    /// `component`: the component's file. A relative path in the manifest is in `plugins.dir`.
    pub component: PathBuf,
    /// `concurrency`: how many runs are under way at the same time, at most. Default 16.
    pub concurrency: usize,
    /// `rate`: how many runs may start in a time, such as `100/s`. Default: no limit.
    pub rate: Option<Rate>,
    /// `breaker`. `None` with `breaker = false`.
    pub breaker: Option<BreakerSettings>,
    /// `rollback`: whether the previous component serves again when a new component fails its
    /// trial. Default true.
    pub rollback: bool,
    /// `retry`. Default: 12 attempts, first 5 s, factor 3, max 6 h, jitter 0.2, no total.
    pub retry: RetryPolicy,
    /// `order_by` with `on_block` and `supersede_by`. Default: deliveries run in parallel and in
    /// any order.
    pub order: Option<OrderSettings>,
    /// `on_trap`: `"retry"` (default) or `"dead"`. A timeout or a reached limit always leads to a
    /// retry.
    pub on_trap: OnTrap,
    /// Everything that the sandbox knows of the handler: `config`, the limits of each run, and the
    /// origins of `allow`.
    pub guest: Arc<Guest>,
    /// `[[handlers.NAME.allow]]`: where the handler's outbox requests may go.
    pub allow: Vec<Allow>,
    /// `fixtures`: a pattern of files. A new component must pass these files before it serves.
    pub fixtures: Option<PathBuf>,
}

/// The consequence of a trap in the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnTrap {
    /// The delivery gets another attempt, by the retry policy.
    #[default]
    Retry,
    /// The delivery is dead, because the same bytes will trap again.
    Dead,
}
