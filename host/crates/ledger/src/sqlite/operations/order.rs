//! The line of deliveries that have one order key.
//!
//! Deliveries of one key run one after another. `deliveries.turn` is set while a delivery
//! stands in the line of its key: the first to come is the head, all others are blocked. When
//! the head leaves the line, the next one in the order of arrival becomes the head. So a line
//! that is not empty has exactly one head.

use rusqlite::{OptionalExtension, Result, params};

use crate::sqlite::newest;
use crate::sqlite::rows::{self, DELIVERY_COLUMNS, DELIVERY_JOINS};
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{DeliveryState, OrderEffect, OrderKey};
use tollgate_base::event::HandlerName;

/// The position of a delivery in its line: the values of `deliveries.turn`, beside NULL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Position {
    /// The delivery may run, or is dead and blocks the others.
    Head = 1,
    /// The delivery waits for the head.
    Blocked = 2,
}

impl Position {
    /// The position that a row has.
    pub(crate) fn from_row(value: Option<i64>) -> Option<Self> {
        match value? {
            1 => Some(Self::Head),
            _ => Some(Self::Blocked),
        }
    }
}

/// Whether a delivery that gets this state stays in its line.
pub(crate) fn stays(state: DeliveryState, order: OrderEffect) -> bool {
    match state {
        DeliveryState::Done | DeliveryState::Ignored => false,
        DeliveryState::Dead => order.blocks_when_dead,
        _ => true,
    }
}

/// Whether a delivery stands in a line.
pub(crate) fn is_in_line(tx: &Transaction<'_>, seq: i64) -> Result<bool> {
    tx.prepare("SELECT 1 FROM deliveries WHERE seq = ?1 AND turn IS NOT NULL")?
        .exists([seq])
}

/// The position that the next delivery of this key gets.
pub(crate) fn next_position(tx: &Transaction<'_>, key: &OrderKey) -> Result<Position> {
    let taken = tx
        .prepare(
            "SELECT 1 FROM deliveries INDEXED BY deliveries_ordered
             WHERE order_key = ?1 AND turn IS NOT NULL LIMIT 1",
        )?
        .exists([key.0.as_slice()])?;
    Ok(if taken {
        Position::Blocked
    } else {
        Position::Head
    })
}

/// Whether the handler of a line that is not empty is absent from the manifest. Then a new
/// delivery is held at once, since nobody would be told of it.
pub(crate) fn is_handler_absent(
    tx: &Transaction<'_>,
    handler: &HandlerName,
    key: &OrderKey,
) -> Result<bool> {
    if tx.is_unserved(handler) {
        return Ok(true);
    }
    // Nobody has said yet which handlers are present, or held deliveries are being released.
    tx.prepare(
        "SELECT state = 'held' FROM deliveries INDEXED BY deliveries_ordered
         WHERE order_key = ?1 AND turn IS NOT NULL ORDER BY seq LIMIT 1",
    )?
    .query_row([key.0.as_slice()], |row| row.get(0))
}

/// The first delivery in a line, and whether it can run now.
pub(crate) const FIRST: &str =
    "SELECT seq, state = 'pending' FROM deliveries INDEXED BY deliveries_ordered
     WHERE order_key = ?1 AND turn IS NOT NULL ORDER BY seq LIMIT 1";

/// Makes the next delivery of the key the head, after the head has left. If the new head can
/// run now, the sink is told.
pub(crate) fn promote_next(tx: &mut Transaction<'_>, key: &[u8]) -> Result<()> {
    let next: Option<(i64, bool)> = tx
        .prepare(FIRST)?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((seq, pending)) = next else {
        return Ok(());
    };
    // Deliveries that arrived later have been handed out already. So this one is found by its
    // due time, like a retry.
    tx.execute(
        "UPDATE deliveries SET turn = 1, due = ?2 WHERE seq = ?1",
        params![seq, pending.then_some(int(tx.now().steady))],
    )?;
    if pending {
        let sql = format!(
            "SELECT {DELIVERY_COLUMNS} FROM deliveries d {DELIVERY_JOINS} WHERE d.seq = ?1"
        );
        let delivery = tx
            .prepare(&sql)?
            .query_row([seq], rows::delivery)
            .optional()?;
        tx.for_sink.released.extend(delivery);
    }
    Ok(())
}

/// Puts a delivery that had ended, and is in `state` now, into its line again. If the line
/// has a head, the delivery becomes `pending` and is blocked.
pub(crate) fn rejoin(tx: &mut Transaction<'_>, seq: i64, state: DeliveryState) -> Result<()> {
    let key: Option<[u8; 16]> = tx
        .prepare(
            "SELECT order_key FROM deliveries
             WHERE seq = ?1 AND order_key IS NOT NULL AND turn IS NULL",
        )?
        .query_row([seq], |row| row.get(0))
        .optional()?;
    let Some(key) = key else { return Ok(()) };
    if next_position(tx, &OrderKey(key))? == Position::Head {
        tx.execute("UPDATE deliveries SET turn = 1 WHERE seq = ?1", [seq])?;
        return Ok(());
    }
    tx.execute(
        "UPDATE deliveries SET turn = 2, state = 'pending', due = NULL WHERE seq = ?1",
        [seq],
    )?;
    tx.count_moved(state, DeliveryState::Pending, 1);
    Ok(())
}

/// Takes a delivery that has ended out of its line, if it stands in one. The next delivery
/// becomes the head if this one was.
pub(crate) fn leave(tx: &mut Transaction<'_>, seq: i64) -> Result<()> {
    let found: Option<(Vec<u8>, Option<i64>, i64)> = tx
        .prepare(
            "SELECT order_key, turn, event FROM deliveries WHERE seq = ?1 AND turn IS NOT NULL",
        )?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((key, turn, event)) = found else {
        return Ok(());
    };
    newest::keep_for(tx.conn(), &key, event)?;
    tx.execute("UPDATE deliveries SET turn = NULL WHERE seq = ?1", [seq])?;
    match Position::from_row(turn) {
        Some(Position::Head) => promote_next(tx, &key),
        _ => Ok(()),
    }
}
