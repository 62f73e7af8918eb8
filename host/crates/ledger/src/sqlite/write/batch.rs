//! Several operations in one transaction.

use rusqlite::{Connection, Result};

use super::memory::Memory;
use super::task::AnyTask;
use super::transaction::Transaction;
use crate::engine::HandOver;
use crate::engine::Moment;
use crate::sqlite::error::{Fault, fault, unavailable};

/// Commits the operations in one transaction; each keeps its answer. On an error nothing of
/// them is left.
///
/// Normally an operation that fails undoes the whole transaction, since a savepoint for each
/// would copy each page that an operation is first to touch. If one has failed, the batch is
/// run again with a savepoint each: then the one fails alone.
pub(crate) fn commit(
    conn: &Connection,
    memory: &mut Memory,
    now: Moment,
    tasks: &mut [Box<dyn AnyTask>],
) -> Result<HandOver> {
    let together = Transaction::run(conn, memory, now, |tx| {
        tasks.iter_mut().try_for_each(|task| task.apply(tx))
    });
    match together {
        Err(error) if fault(&error) == Fault::Operation => {
            tracing::warn!(
                %error,
                "an operation failed: its batch is run again, one operation at a time",
            );
            Transaction::run(conn, memory, now, |tx| {
                tasks
                    .iter_mut()
                    .try_for_each(|task| apply_apart(tx, &mut **task))
            })
        }
        result => result,
    }
}

/// Applies the operation in a savepoint; if it alone is at fault, it fails alone.
fn apply_apart(tx: &mut Transaction<'_>, task: &mut dyn AnyTask) -> Result<()> {
    if let Err(error) = tx.savepoint(|tx| task.apply(tx))? {
        tracing::error!(%error, "the ledger could not carry out an operation");
        task.fail(unavailable(&error));
    }
    Ok(())
}
