//! What every kind of write has in common.

use rusqlite::Result;

use super::transaction::Transaction;

/// The weight of an operation beside its bodies: rows, keys and names.
pub(crate) const BASE_WEIGHT: usize = 512;

/// One kind of write. The type is the request: its fields say what to do.
pub(crate) trait Operation: Send + 'static {
    /// What the caller gets once the operation is durable.
    type Answer: Send + 'static;

    /// About how many bytes the operation holds and will write.
    fn weight(&self) -> usize {
        BASE_WEIGHT
    }

    /// Carries the operation out within the writer's transaction. It is called once more,
    /// after everything was undone, if another operation of the same transaction failed.
    ///
    /// An error undoes the whole transaction, so an operation finds every failure that is to
    /// be expected (a conflict, a value that is no counter) before its first write, and puts
    /// it into its answer.
    fn apply(&self, tx: &mut Transaction<'_>) -> Result<Self::Answer>;

    /// Something that a test does to the writer's connection before the transaction begins.
    #[cfg(test)]
    fn before_transaction(&self, conn: &rusqlite::Connection) -> Result<()> {
        let _ = conn;
        Ok(())
    }
}
