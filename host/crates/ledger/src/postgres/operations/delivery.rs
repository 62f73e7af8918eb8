//! The end of a delivery without an attempt.

use super::audit::{self, About, Entry};
use super::{order, waiting};
use crate::DeliveryState;
use crate::postgres::error::Fault;
use crate::postgres::rows::DeliveryRow;
use crate::postgres::transaction::Tx;
use crate::postgres::values::int;

/// The entry for an action on a delivery, which is in this run now.
pub(super) fn entry(row: &DeliveryRow, run: u32, action: &'static str) -> Entry<'static> {
    Entry {
        delivery: row.id,
        run,
        action,
        about: About::Delivery,
    }
}

/// Ends a delivery without an attempt. A lease of it goes on, and comes to nothing.
pub(super) async fn end(tx: &mut Tx, mut row: DeliveryRow, to: DeliveryState) -> Result<(), Fault> {
    let (event, was_queued) = (row.event, row.is_queued());
    tx.count_moved(row.state, to, 1);
    row.state = to;
    row.due = None;
    row.finished = Some(int(tx.now.wall));
    order::leave(tx, row, was_queued).await?;
    waiting::end_if_unneeded(tx, event).await
}

/// Ends a delivery that has not run, because its work goes on in a delivery of another event.
pub(super) async fn replace_unrun(tx: &mut Tx, row: DeliveryRow, why: &str) -> Result<(), Fault> {
    if row.is_ended() {
        return Ok(());
    }
    let entry = entry(&row, row.run, "replaced");
    end(tx, row, DeliveryState::Ignored).await?;
    audit::write_own(tx, &entry, why).await
}
