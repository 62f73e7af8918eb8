//! The line of deliveries that have one order key.
//!
//! Deliveries of one key run one after another. `deliveries.turn` is set while a delivery
//! stands in the line of its key: the first to come is the head, all others are blocked. When
//! the head leaves the line, the next one in the order of arrival becomes the head.
//!
//! A delivery whose event waits for its object is blocked too, also without an order key. If it is
//! the first of its line, the line has no head until the event is resolved. So a line that is not
//! empty has exactly one head, or none while its first delivery waits for an object.

use rusqlite::{OptionalExtension, Result, params};

use super::waiting;
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
    /// The delivery waits for the head, or for the object of its event.
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

/// The position that a new delivery gets. `waits` says whether its event waits for its object.
pub(crate) fn next_position(
    tx: &Transaction<'_>,
    key: Option<&OrderKey>,
    waits: bool,
) -> Result<Option<Position>> {
    if waits {
        return Ok(Some(Position::Blocked));
    }
    let Some(key) = key else { return Ok(None) };
    Ok(Some(if is_taken(tx, key)? {
        Position::Blocked
    } else {
        Position::Head
    }))
}

/// Whether a delivery stands in the line of this key.
fn is_taken(tx: &Transaction<'_>, key: &OrderKey) -> Result<bool> {
    tx.prepare(
        "SELECT 1 FROM deliveries INDEXED BY deliveries_ordered
         WHERE order_key = ?1 AND turn IS NOT NULL LIMIT 1",
    )?
    .exists([key.0.as_slice()])
}

/// Whether the handler of a new delivery that is blocked is absent from the manifest. Then the
/// delivery is held at once, since nobody would be told of it.
pub(crate) fn is_handler_absent(
    tx: &Transaction<'_>,
    handler: &HandlerName,
    key: Option<&OrderKey>,
) -> Result<bool> {
    if tx.is_unserved(handler) {
        return Ok(true);
    }
    let Some(key) = key else { return Ok(false) };
    // Nobody has said yet which handlers are present, or held deliveries are being released.
    tx.prepare(
        "SELECT state = 'held' FROM deliveries INDEXED BY deliveries_ordered
         WHERE order_key = ?1 AND turn IS NOT NULL ORDER BY seq LIMIT 1",
    )?
    .query_row([key.0.as_slice()], |row| row.get(0))
    .optional()
    .map(|held| held.unwrap_or(false))
}

/// The first delivery in a line, whether it can run now, its event, whether it is the head, and
/// whether it never ran.
pub(crate) const FIRST: &str =
    "SELECT seq, state = 'pending', event, turn = 1, run = 0 AND attempts = 0
     FROM deliveries INDEXED BY deliveries_ordered
     WHERE order_key = ?1 AND turn IS NOT NULL ORDER BY seq LIMIT 1";

/// The first delivery in a line.
struct First {
    seq: i64,
    pending: bool,
    event: i64,
    is_head: bool,
    /// Whether it has stood in its line since it was recorded.
    fresh: bool,
}

impl First {
    fn of(tx: &Transaction<'_>, key: &[u8]) -> Result<Option<Self>> {
        tx.prepare(FIRST)?
            .query_row([key], |row| {
                Ok(Self {
                    seq: row.get(0)?,
                    pending: row.get(1)?,
                    event: row.get(2)?,
                    is_head: row.get(3)?,
                    fresh: row.get(4)?,
                })
            })
            .optional()
    }
}

/// Makes the next delivery of the key the head, after the head has left. If the new head can
/// run now, the sink is told. If the event of the first delivery waits for its object, the line has
/// no head for the present.
pub(crate) fn promote_next(tx: &mut Transaction<'_>, key: &[u8]) -> Result<()> {
    match First::of(tx, key)? {
        Some(first) if !waiting::waits(tx, first.event)? => {
            release(tx, first.seq, first.pending, Some(Position::Head))
        }
        _ => Ok(()),
    }
}

/// Makes the first delivery of a line the head, if the line has no head and `seq` is the first.
fn promote_if_headless(tx: &mut Transaction<'_>, key: &[u8], seq: i64) -> Result<()> {
    let Some(first) = First::of(tx, key)? else {
        return Ok(());
    };
    if first.seq < seq || first.is_head || waiting::waits(tx, first.event)? {
        return Ok(());
    }
    // No other delivery became the head while a fresh one stood before it. One that is run again
    // may have come to stand before the head.
    if !first.fresh {
        let has_head = tx
            .prepare(
                "SELECT 1 FROM deliveries INDEXED BY deliveries_ordered
                 WHERE order_key = ?1 AND turn IS NOT NULL AND turn = 1 LIMIT 1",
            )?
            .exists([key])?;
        if has_head {
            return Ok(());
        }
    }
    release(tx, first.seq, first.pending, Some(Position::Head))
}

/// Lets a blocked delivery run whose event has been resolved, if it is its turn.
pub(crate) fn unblock(tx: &mut Transaction<'_>, seq: i64, key: Option<&[u8]>) -> Result<()> {
    if let Some(key) = key {
        return promote_if_headless(tx, key, seq);
    }
    let pending = tx
        .prepare("SELECT state = 'pending' FROM deliveries WHERE seq = ?1")?
        .query_row([seq], |row| row.get(0))?;
    release(tx, seq, pending, None)
}

/// Gives a delivery that was blocked this position. If it can run now, the sink is told.
fn release(
    tx: &mut Transaction<'_>,
    seq: i64,
    pending: bool,
    position: Option<Position>,
) -> Result<()> {
    // Deliveries that arrived later have been handed out already. So this one is found by its
    // due time, like a retry.
    tx.execute(
        "UPDATE deliveries SET turn = ?3, due = ?2 WHERE seq = ?1",
        params![
            seq,
            pending.then_some(int(tx.now().steady)),
            position.map(|position| position as i64),
        ],
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
/// has a head, or if the event waits for its object, the delivery becomes `pending` and is blocked.
pub(crate) fn rejoin(tx: &mut Transaction<'_>, seq: i64, state: DeliveryState) -> Result<()> {
    type Row = (Option<[u8; 16]>, i64, bool);
    let (key, event, is_head): Row = tx
        .prepare("SELECT order_key, event, turn IS NOT NULL FROM deliveries WHERE seq = ?1")?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let waits = waiting::waits(tx, event)?;
    if is_head && !waits {
        return Ok(());
    }
    match next_position(tx, key.map(OrderKey).as_ref(), waits)? {
        None => return Ok(()),
        Some(Position::Head) => {
            tx.execute("UPDATE deliveries SET turn = 1 WHERE seq = ?1", [seq])?;
            return Ok(());
        }
        Some(Position::Blocked) => {}
    }
    tx.execute(
        "UPDATE deliveries SET turn = 2, state = 'pending', due = NULL WHERE seq = ?1",
        [seq],
    )?;
    tx.count_moved(state, DeliveryState::Pending, 1);
    match key {
        // The line has no head now. The first may be another.
        Some(key) if is_head => promote_next(tx, &key),
        // This one may stand before one that waits for its object.
        Some(key) if !waits => promote_if_headless(tx, &key, seq),
        _ => Ok(()),
    }
}

/// Takes a delivery that has ended out of its line, if it stands in one. The next delivery
/// becomes the head if this one was, or if this one alone kept the line without a head.
pub(crate) fn leave(tx: &mut Transaction<'_>, seq: i64) -> Result<()> {
    let found: Option<(Option<Vec<u8>>, Option<i64>, i64)> = tx
        .prepare(
            "SELECT order_key, turn, event FROM deliveries WHERE seq = ?1 AND turn IS NOT NULL",
        )?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((key, turn, event)) = found else {
        return Ok(());
    };
    tx.execute("UPDATE deliveries SET turn = NULL WHERE seq = ?1", [seq])?;
    // Without a key, the delivery waited for the object of its event alone.
    let Some(key) = key else { return Ok(()) };
    newest::keep_for(tx.conn(), &key, event)?;
    match Position::from_row(turn) {
        Some(Position::Head) => promote_next(tx, &key),
        _ => promote_if_headless(tx, &key, seq),
    }
}
