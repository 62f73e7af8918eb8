//! One step of a sweep: a bounded piece of work for the writer.

use std::sync::Arc;

use super::history::oldest_kept;
use super::{erase, prune};
use crate::Retention;
use crate::postgres::error::Fault;
use crate::postgres::newest;
use crate::postgres::transaction::{Operation, Tx};

/// The most events of one step, and the most ranks. A step is alone in the database.
pub(crate) const EVENTS: usize = 100;

/// Does a piece of work, as far as it is still to be done.
pub(crate) struct SweepStep {
    pub(super) retention: Arc<Retention>,
    pub(super) work: Work,
}

/// The work of a step, with the events that seemed ready for it.
pub(super) enum Work {
    /// Prune these events.
    Prune(Vec<i64>),
    /// Erase or redact payloads of these events.
    Erase(Vec<i64>),
    /// Remove keys of these events, the last that is left of them.
    Forget(Vec<i64>),
    /// Remove newest ranks that no event needs.
    ForgetNewest,
}

/// The result of a step.
#[derive(Debug, Default)]
pub(crate) struct StepResult {
    /// How many events or ranks were changed.
    pub(super) changed: u64,
    /// Events that were not ready any more, since something happened to them meanwhile.
    pub(super) refused: Vec<i64>,
}

impl Operation for SweepStep {
    type Answer = StepResult;

    async fn apply(&self, tx: &mut Tx) -> Result<StepResult, Fault> {
        let retention = &*self.retention;
        let (wanted, changed) = match &self.work {
            Work::Prune(events) => (events, prune::prune(tx, retention, events).await?),
            Work::Erase(events) => (events, erase::when_due(tx, retention, events).await?),
            Work::Forget(events) => (events, prune::forget(tx, retention, events).await?),
            Work::ForgetNewest => {
                let oldest = oldest_kept(tx.conn()).await?.unwrap_or(i64::MAX);
                let changed = newest::forget(tx, oldest, EVENTS as i64).await?;
                return Ok(StepResult {
                    changed,
                    refused: Vec::new(),
                });
            }
        };
        let refused = wanted.iter().filter(|seq| !changed.contains(seq));
        Ok(StepResult {
            refused: refused.copied().collect(),
            changed: changed.len() as u64,
        })
    }
}
