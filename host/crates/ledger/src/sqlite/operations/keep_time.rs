//! Writing down how due times stand to the time of day.

use rusqlite::Result;

use crate::sqlite::kept_time;
use crate::sqlite::write::{Operation, Transaction};
use tollgate_base::time::Mark;

/// Writes one moment down by both clocks.
pub(crate) struct KeepTime {
    pub(crate) moment: Mark,
}

impl Operation for KeepTime {
    type Answer = ();

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<()> {
        kept_time::keep(tx.conn(), &self.moment)
    }
}
