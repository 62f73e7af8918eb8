//! Releasing a restore: an operator has looked at the restored ledger.

use rusqlite::Result;

use crate::Restore;
use crate::sqlite::lineage;
use crate::sqlite::write::{Operation, Transaction};

/// Forgets the last restore, and with it the hold. The answer is the restore, if there is one.
pub(crate) struct ReleaseRestore;

impl Operation for ReleaseRestore {
    type Answer = Option<Restore>;

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<Option<Restore>> {
        let restored = lineage::restored(tx.conn())?;
        if restored.is_some() {
            tx.execute("UPDATE lineage SET restored = NULL, on_hold = 0", [])?;
        }
        Ok(restored)
    }
}
