//! The trait of every kind of write.

use rusqlite::Result;

use super::transaction::Transaction;
use crate::engine::BASE_WEIGHT;

/// One kind of write. The type is the request: its fields say what to do.
pub(crate) trait Operation: Send + 'static {
    /// The caller's answer once the operation is durable.
    type Answer: Send + 'static;

    /// About how many bytes the operation holds and will write.
    fn weight(&self) -> usize {
        BASE_WEIGHT
    }

    /// Carries the operation out within the writer's transaction. If another operation of the
    /// same transaction fails, everything is undone and `apply` is called once more.
    ///
    /// An error undoes the whole transaction. So an operation checks for every expected failure
    /// (a conflict, a value that is no counter) before its first write, and reports the failure
    /// in its answer.
    fn apply(&self, tx: &mut Transaction<'_>) -> Result<Self::Answer>;

    /// Something that a test does to the writer's connection before the transaction begins.
    #[cfg(test)]
    fn before_transaction(&self, conn: &rusqlite::Connection) -> Result<()> {
        let _ = conn;
        Ok(())
    }
}
