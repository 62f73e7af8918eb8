//! The row of a delivery, and its end without an attempt.

use rusqlite::{OptionalExtension, Result, params};

use super::audit::{self, About, Entry};
use super::{order, waiting};
use crate::sqlite::rows;
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{DeliveryId, DeliveryState};

/// The row of a delivery.
pub(crate) struct DeliveryRow {
    pub(crate) seq: i64,
    pub(crate) event: i64,
    pub(crate) state: DeliveryState,
    pub(crate) run: u32,
    pub(crate) keys: u32,
}

impl DeliveryRow {
    /// The row of the delivery of this number.
    pub(crate) fn find(tx: &Transaction<'_>, delivery: DeliveryId) -> Result<Option<Self>> {
        tx.prepare("SELECT seq, event, state, run, keys FROM deliveries WHERE seq = ?1")?
            .query_row([delivery.0], |row| {
                Ok(Self {
                    seq: row.get(0)?,
                    event: row.get(1)?,
                    state: rows::delivery_state(row, 2)?,
                    run: row.get(3)?,
                    keys: row.get(4)?,
                })
            })
            .optional()
    }

    /// The entry for an action on the delivery, which is in this run now.
    pub(crate) fn entry<'a>(&self, run: u32, action: &'a str) -> Entry<'a> {
        Entry {
            delivery: self.seq,
            run,
            action,
            about: About::Delivery,
        }
    }

    /// Whether the delivery has ended.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(
            self.state,
            DeliveryState::Done | DeliveryState::Ignored | DeliveryState::Dead
        )
    }

    /// Ends the delivery without an attempt.
    pub(crate) fn end(&self, tx: &mut Transaction<'_>, to: DeliveryState) -> Result<()> {
        tx.execute(
            "UPDATE deliveries SET state = ?3, due = NULL, finished = ?2 WHERE seq = ?1",
            params![self.seq, int(tx.now().wall), to.name()],
        )?;
        tx.count_moved(self.state, to, 1);
        order::leave(tx, self.seq)?;
        waiting::end_if_unneeded(tx, self.event)
    }
}

/// Ends a delivery that has not run, because its work goes on in a delivery of another event.
pub(crate) fn replace_unrun(
    tx: &mut Transaction<'_>,
    delivery: DeliveryId,
    why: &str,
) -> Result<()> {
    match DeliveryRow::find(tx, delivery)? {
        Some(row) if !row.is_ended() => {
            row.end(tx, DeliveryState::Ignored)?;
            audit::write_own(tx, &row.entry(row.run, "replaced"), why)
        }
        _ => Ok(()),
    }
}
