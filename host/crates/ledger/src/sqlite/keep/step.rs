//! One step of a sweep: a bounded piece of work for the writer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Result;

use super::history::EventRow;
use super::judge::oldest_kept;
use super::{erase, prune, vacuum};
use crate::Retention;
use crate::sqlite::newest;
use crate::sqlite::write::{Operation, Transaction};

/// Does a piece of work, as far as it is still to be done. Bounded by rows, so that nobody
/// waits long for the same commit.
pub(crate) struct SweepStep {
    pub(crate) retention: Arc<Retention>,
    pub(crate) work: Work,
    /// About how many rows may be changed.
    pub(crate) rows: u64,
}

/// The work of a step, with the events that seemed ready for it.
pub(crate) enum Work {
    /// Prune these events.
    Prune(Vec<i64>),
    /// Erase or redact payloads of these events.
    Erase(Vec<i64>),
    /// Remove keys of these events, the last that is left of them.
    Forget(Vec<i64>),
    /// Remove newest ranks that are kept for these events.
    ForgetNewest(Vec<i64>),
    /// Give so many free pages at the file's end back.
    GiveBack(u32),
}

/// The result of a step.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct StepResult {
    /// How many of the events were looked at. The others are left for the next step.
    pub(crate) seen: usize,
    /// How many of these events were changed.
    pub(crate) changed: u64,
    /// Events that were not ready any more, since something happened to them meanwhile.
    pub(crate) refused: Vec<i64>,
    /// How many rows were changed.
    pub(crate) rows: u64,
    /// How long that took.
    pub(crate) took: Duration,
}

impl Operation for SweepStep {
    type Answer = StepResult;

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<StepResult> {
        let began = Instant::now();
        let retention = &*self.retention;
        let result = match &self.work {
            Work::Prune(events) => {
                self.each(tx, events, |tx, event| prune::prune(tx, retention, event))
            }
            Work::Erase(events) => self.each(tx, events, |tx, event| {
                erase::when_due(tx, retention, event)
            }),
            Work::Forget(events) => self.each(tx, events, |tx, event| {
                Ok(u64::from(prune::forget(tx, retention, event)?))
            }),
            Work::ForgetNewest(events) => self.forget_newest(tx, events),
            Work::GiveBack(pages) => Ok(StepResult {
                changed: vacuum::give_back(tx.conn(), *pages)?,
                ..StepResult::default()
            }),
        };
        Ok(StepResult {
            took: began.elapsed(),
            ..result?
        })
    }
}

impl SweepStep {
    /// Goes over the events until enough rows were changed.
    fn each(
        &self,
        tx: &mut Transaction<'_>,
        events: &[i64],
        mut change: impl FnMut(&mut Transaction<'_>, &EventRow) -> Result<u64>,
    ) -> Result<StepResult> {
        let mut result = StepResult::default();
        for seq in events {
            if result.rows >= self.rows {
                break;
            }
            result.seen += 1;
            if let Some(event) = EventRow::find(tx.conn(), *seq)? {
                let changed = change(tx, &event)?;
                result.rows += changed;
                if changed > 0 {
                    result.changed += 1;
                } else {
                    result.refused.push(*seq);
                }
            }
        }
        Ok(result)
    }

    /// Removes the newest ranks that are kept for events which are all gone.
    fn forget_newest(&self, tx: &Transaction<'_>, events: &[i64]) -> Result<StepResult> {
        let mut result = StepResult::default();
        let oldest = oldest_kept(tx.conn())?;
        for seq in events {
            if result.rows >= self.rows {
                break;
            }
            result.seen += 1;
            if oldest.is_none_or(|oldest| *seq < oldest) {
                result.rows += newest::forget(tx.conn(), *seq)?;
            }
        }
        result.changed = result.rows;
        Ok(result)
    }
}
