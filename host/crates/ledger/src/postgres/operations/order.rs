//! The line of deliveries that have one order key.
//!
//! Deliveries of one key run one after another. `turn` is set while a delivery stands in the line
//! of its key: the first to come is the head, all others are blocked. When the head leaves the
//! line, the next one by `place` becomes the head. A place is given while the key is locked.
//!
//! A delivery whose event waits for its object is blocked too, also without an order key. If it is
//! the first of its line, the line has no head until the event is resolved.

use std::collections::HashMap;

use uuid::Uuid;

use super::waiting;
use crate::postgres::error::Fault;
use crate::postgres::newest;
use crate::postgres::rows::{self, DELIVERY, DELIVERY_JOINS, DeliveryRow, Position, ROW};
use crate::postgres::transaction::Tx;
use crate::postgres::values::{get, int};
use crate::{DeliveryState, OrderEffect, OrderKey, Recipient};

/// Whether a delivery that gets this state stays in its line.
pub(super) fn stays(state: DeliveryState, order: OrderEffect) -> bool {
    match state {
        DeliveryState::Done | DeliveryState::Ignored => false,
        DeliveryState::Dead => order.blocks_when_dead,
        _ => true,
    }
}

/// The lines that new deliveries join.
#[derive(Default)]
pub(super) struct Lines(HashMap<[u8; 16], Line>);

/// The end of a line that is not empty, and its beginning.
struct Line {
    last: i64,
    /// Whether the first delivery is held.
    held: bool,
}

impl Lines {
    /// The lines of these recipients as they are.
    pub(super) async fn load(
        tx: &Tx,
        recipients: impl IntoIterator<Item = &Recipient>,
    ) -> Result<Self, Fault> {
        let recipients = recipients.into_iter();
        let keys = recipients.filter_map(|recipient| recipient.key);
        let mut keys: Vec<Uuid> = keys.map(|key| Uuid::from_bytes(key.0)).collect();
        if keys.is_empty() {
            return Ok(Self::default());
        }
        keys.sort_unstable();
        keys.dedup();
        let rows = tx
            .query(
                "SELECT order_key, max(place), (array_agg(state ORDER BY place))[1] = 'held'
                 FROM queue WHERE order_key = ANY ($1) AND turn IS NOT NULL GROUP BY order_key",
                &[&keys],
            )
            .await?;
        let line = |row| {
            let line = Line {
                last: get(row, 1)?,
                held: get(row, 2)?,
            };
            Ok((get::<Uuid>(row, 0)?.into_bytes(), line))
        };
        rows.iter().map(line).collect::<Result<_, _>>().map(Self)
    }

    /// The position that a new delivery gets. `waits` says whether its event waits for its object.
    pub(super) fn position(&self, key: Option<&OrderKey>, waits: bool) -> Option<Position> {
        if waits {
            return Some(Position::Blocked);
        }
        let taken = self.0.contains_key(&key?.0);
        Some(match taken {
            true => Position::Blocked,
            false => Position::Head,
        })
    }

    /// Whether the first delivery of a line is held.
    pub(super) fn is_held(&self, key: &OrderKey) -> bool {
        self.0.get(&key.0).is_some_and(|line| line.held)
    }

    /// Puts a delivery at the end of its line; returns its place.
    pub(super) fn join(
        &mut self,
        tx: &mut Tx,
        key: Option<&OrderKey>,
        state: DeliveryState,
    ) -> i64 {
        let Some(key) = key else {
            return tx.numbers.number();
        };
        match self.0.get_mut(&key.0) {
            Some(line) => {
                line.last = tx.numbers.number_after(line.last);
                line.last
            }
            None => {
                let last = tx.numbers.number();
                let held = state == DeliveryState::Held;
                self.0.insert(key.0, Line { last, held });
                last
            }
        }
    }
}

/// The first delivery in a line.
async fn first_of(tx: &Tx, key: &OrderKey) -> Result<Option<DeliveryRow>, Fault> {
    let sql = format!(
        "SELECT {ROW} FROM queue WHERE order_key = $1 AND turn IS NOT NULL
         ORDER BY place LIMIT 1 FOR NO KEY UPDATE"
    );
    let row = tx.first(&sql, &[&Uuid::from_bytes(key.0)]).await?;
    row.map(|row| DeliveryRow::read(&row)).transpose()
}

/// Whether a delivery stands in the line of this key.
async fn is_taken(tx: &Tx, key: &OrderKey) -> Result<bool, Fault> {
    Ok(first_of(tx, key).await?.is_some())
}

/// Makes the next delivery of the key the head, after the head has left. If the new head can run
/// now, the sink is told. If the event of the first delivery waits for its object, the line has no
/// head for the present.
pub(super) async fn promote_next(tx: &mut Tx, key: &OrderKey) -> Result<(), Fault> {
    match first_of(tx, key).await? {
        Some(first) if !waiting::waits(tx, first.event).await? => {
            release(tx, first, Some(Position::Head)).await
        }
        _ => Ok(()),
    }
}

/// Makes the first delivery of a line the head, if the line has no head and none stands before
/// `place`.
async fn promote_if_headless(tx: &mut Tx, key: &OrderKey, place: i64) -> Result<(), Fault> {
    let Some(first) = first_of(tx, key).await? else {
        return Ok(());
    };
    if first.place < place
        || first.turn == Some(Position::Head)
        || waiting::waits(tx, first.event).await?
    {
        return Ok(());
    }
    // One that is run again may have come to stand before the head.
    let has_head = tx
        .exists(
            "SELECT 1 FROM queue WHERE order_key = $1 AND turn = 1 LIMIT 1",
            &[&Uuid::from_bytes(key.0)],
        )
        .await?;
    match has_head {
        true => Ok(()),
        false => release(tx, first, Some(Position::Head)).await,
    }
}

/// Lets a blocked delivery run whose event has been resolved, if it is its turn.
pub(super) async fn unblock(tx: &mut Tx, row: DeliveryRow) -> Result<(), Fault> {
    match row.key {
        Some(key) => promote_if_headless(tx, &key, row.place).await,
        None => release(tx, row, None).await,
    }
}

/// Gives a delivery that was blocked this position. If it can run now, the sink is told.
async fn release(
    tx: &mut Tx,
    mut row: DeliveryRow,
    position: Option<Position>,
) -> Result<(), Fault> {
    let pending = row.state == DeliveryState::Pending;
    let was_queued = row.is_queued();
    row.turn = position;
    // Deliveries that arrived later have been handed out already. So this one is found by its due
    // time, like a retry.
    row.due = pending.then(|| int(tx.now.steady));
    let handed_out = pending && tx.take(&mut row);
    tx.put(&row, was_queued).await?;
    if handed_out {
        let sql = format!("SELECT {DELIVERY} FROM queue d {DELIVERY_JOINS} WHERE d.id = $1");
        if let Some(found) = tx.first(&sql, &[&row.id]).await? {
            tx.news.released.push(rows::delivery(&found)?);
        }
    }
    Ok(())
}

/// Puts a delivery that had ended, and is in another state now, into its line again, and writes its
/// row. If the line has a head, or if the event waits for its object, the delivery becomes
/// `pending` and is blocked.
pub(super) async fn rejoin(
    tx: &mut Tx,
    mut row: DeliveryRow,
    was_queued: bool,
) -> Result<(), Fault> {
    let waits = waiting::waits(tx, row.event).await?;
    let is_head = row.turn.is_some();
    let taken = match &row.key {
        Some(key) if !is_head => is_taken(tx, key).await?,
        _ => is_head,
    };
    if waits || taken && !is_head {
        tx.count_moved(row.state, DeliveryState::Pending, 1);
        row.turn = Some(Position::Blocked);
        row.state = DeliveryState::Pending;
        row.due = None;
    } else if row.key.is_some() {
        row.turn = Some(Position::Head);
    }
    tx.put(&row, was_queued).await?;
    match row.key {
        // The line has no head now. The first may be another.
        Some(key) if row.is_blocked() && is_head => promote_next(tx, &key).await,
        // This one may stand before one that waits for its object.
        Some(key) if row.is_blocked() && !waits => promote_if_headless(tx, &key, row.place).await,
        _ => Ok(()),
    }
}

/// Writes the row of a delivery that has ended and leaves its line, if it stands in one. The next
/// delivery becomes the head if this one was, or if this one alone kept the line without a head.
pub(super) async fn leave(
    tx: &mut Tx,
    mut row: DeliveryRow,
    was_queued: bool,
) -> Result<(), Fault> {
    let turn = row.turn.take();
    tx.put(&row, was_queued).await?;
    // Without a key, the delivery waited for the object of its event alone.
    let (Some(turn), Some(key)) = (turn, row.key) else {
        return Ok(());
    };
    newest::keep_for(tx, &key, row.event).await?;
    match turn {
        Position::Head => promote_next(tx, &key).await,
        Position::Blocked => promote_if_headless(tx, &key, row.place).await,
    }
}
