//! The seam between the dispatcher and the components that it runs.

use std::sync::Arc;

use crate::settings::Handler;
use crate::telemetry::traces::TraceContext;
use tollgate_base::event::ComponentDigest;
use tollgate_ledger::{Delivery, Exchange};
use tollgate_sandbox::Started;

/// A handler that can be run: its settings together with its component.
pub trait Runnable: Send + Sync + 'static {
    /// The handler's settings.
    fn handler(&self) -> &Arc<Handler>;
    /// The component that runs.
    fn digest(&self) -> ComponentDigest;
    /// Whether the component has just replaced another component, and has to show that it is not
    /// worse.
    fn on_trial(&self) -> bool {
        false
    }
    /// Whether runs may wait for answers to requests. Such runs hold no thread.
    fn may_ask(&self) -> bool {
        false
    }
    /// Runs the handler once, on this thread or as a task. Immediate requests that the run has in
    /// common with `recorded` get the recorded answers. `trace` is the place of the attempt, if
    /// spans are made.
    fn run(
        &self,
        delivery: &Delivery,
        recorded: &Arc<[Exchange]>,
        trace: Option<&TraceContext>,
    ) -> Started;
}
