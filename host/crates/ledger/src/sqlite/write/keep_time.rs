//! Writing down how due times stand to the time of day.

use rusqlite::Result;

use super::operation::Operation;
use super::transaction::Transaction;
use crate::sqlite::kept_time;
use tollgate_base::time::ClockReading;

/// Writes one moment down by both clocks. The writer adds this operation to a batch when the
/// time of day has been set.
pub(super) struct KeepTime {
    pub(super) moment: ClockReading,
}

impl Operation for KeepTime {
    type Answer = ();

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<()> {
        kept_time::keep(tx.conn(), &self.moment)
    }
}
