//! Holding the deliveries of handlers that are absent from the manifest.

use rusqlite::{Result, params};

use crate::DeliveryState;
use crate::sqlite::write::{Operation, Transaction};
use tollgate_base::event::HandlerName;

/// Makes open deliveries of absent handlers `held`, and held deliveries of present handlers
/// `pending`; a bounded number of them.
pub(crate) struct HoldAbsent {
    /// The handlers that the manifest has.
    pub(crate) present: Vec<HandlerName>,
}

/// How far one transaction went.
#[derive(Clone, Copy, Default)]
pub(crate) struct HoldStep {
    pub(crate) held: u64,
    pub(crate) released: u64,
    /// Whether there may be more to do.
    pub(crate) more: bool,
}

/// How many deliveries of a kind one transaction moves, so that nobody waits long for the
/// commit.
const STEP: i64 = 2_000;

/// The three parts of `pending`, each with an index: deliveries that arrived and may run,
/// released ones, and blocked ones.
pub(crate) const PENDING: [&str; 3] = [
    "AND due IS NULL AND turn IS NOT 2",
    "AND due IS NOT NULL",
    "AND turn = 2",
];

impl Operation for HoldAbsent {
    type Answer = HoldStep;

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<HoldStep> {
        use DeliveryState::{Held, Pending, Retrying};
        let mut step = HoldStep::default();
        tx.set_present(&self.present);
        for (handler, is_present) in handlers(tx, &self.present)? {
            if is_present {
                step.released += move_some(tx, handler, (Held, ""), Pending, &mut step.more)?;
            } else {
                for part in PENDING {
                    step.held += move_some(tx, handler, (Pending, part), Held, &mut step.more)?;
                }
                step.held += move_some(tx, handler, (Retrying, ""), Held, &mut step.more)?;
            }
        }
        Ok(step)
    }
}

/// Every handler that the ledger has met, and whether it is present.
fn handlers(tx: &Transaction<'_>, present: &[HandlerName]) -> Result<Vec<(i64, bool)>> {
    tx.prepare("SELECT id, name FROM handlers")?
        .query_map([], |row| {
            let name = row.get_ref(1)?.as_str()?;
            let is_present = present.iter().any(|handler| handler.as_str() == name);
            Ok((row.get(0)?, is_present))
        })?
        .collect()
}

/// Moves some of a handler's deliveries; `more` becomes true if there may be others.
fn move_some(
    tx: &mut Transaction<'_>,
    handler: i64,
    (from, part): (DeliveryState, &str),
    to: DeliveryState,
    more: &mut bool,
) -> Result<u64> {
    // SQLite uses a partial index only if the state stands in the statement's text.
    let sql = format!(
        "UPDATE deliveries SET state = '{to}', due = NULL WHERE seq IN
         (SELECT seq FROM deliveries WHERE state = '{from}' {part} AND handler = ?1
          LIMIT ?2)"
    );
    let moved = tx.execute(&sql, params![handler, STEP])? as i64;
    tx.count_moved(from, to, moved);
    *more |= moved == STEP;
    Ok(moved.unsigned_abs())
}
