//! Registering the handlers that this gateway serves. No other gateway can have the file open,
//! so nobody serves the others.

use rusqlite::{Result, params};

use crate::sqlite::write::{Operation, Transaction};
use crate::{DeliveryState, Served};
use tollgate_base::event::HandlerName;

/// Makes `held` what is due for handlers that nobody serves, and `pending` what was held for
/// handlers that are served; a bounded number of deliveries.
pub(crate) struct Serve {
    /// The handlers that are served.
    pub(crate) handlers: Vec<HandlerName>,
}

/// How far one transaction went.
#[derive(Clone, Copy, Default)]
pub(crate) struct ServeStep {
    pub(crate) served: Served,
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

impl Operation for Serve {
    type Answer = ServeStep;

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<ServeStep> {
        use DeliveryState::{Held, Pending, Retrying};
        let mut step = ServeStep::default();
        tx.set_served(&self.handlers);
        for (handler, is_served) in handlers(tx, &self.handlers)? {
            if is_served {
                step.served.resumed += move_some(tx, handler, (Held, ""), Pending, &mut step.more)?;
            } else {
                for part in PENDING {
                    step.served.held +=
                        move_some(tx, handler, (Pending, part), Held, &mut step.more)?;
                }
                step.served.held += move_some(tx, handler, (Retrying, ""), Held, &mut step.more)?;
            }
        }
        Ok(step)
    }
}

/// Every handler that the ledger has met, and whether it is served.
fn handlers(tx: &Transaction<'_>, served: &[HandlerName]) -> Result<Vec<(i64, bool)>> {
    tx.prepare("SELECT id, name FROM handlers")?
        .query_map([], |row| {
            let name = row.get_ref(1)?.as_str()?;
            let is_served = served.iter().any(|handler| handler.as_str() == name);
            Ok((row.get(0)?, is_served))
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
