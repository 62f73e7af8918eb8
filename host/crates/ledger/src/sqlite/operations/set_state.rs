//! Moving a delivery that is still to run into another state, without an attempt.

use rusqlite::{Result, params};

use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{DeliveryId, DeliveryState};

/// Moves the delivery and returns true, unless it has ended, is held or is in this state
/// already.
pub(crate) fn set_state(
    tx: &mut Transaction<'_>,
    delivery: DeliveryId,
    to: DeliveryState,
) -> Result<bool> {
    let finished = (to == DeliveryState::Dead).then(|| int(tx.now().wall));
    for from in [
        DeliveryState::Pending,
        DeliveryState::Retrying,
        DeliveryState::Running,
    ] {
        let moved = tx.execute(
            "UPDATE deliveries SET state = ?3, due = NULL, finished = ?4
             WHERE seq = ?1 AND state = ?2 AND state IS NOT ?3",
            params![delivery.0, from.name(), to.name(), finished],
        )?;
        if moved > 0 {
            tx.count_moved(from, to, moved as i64);
            return Ok(true);
        }
    }
    Ok(false)
}
