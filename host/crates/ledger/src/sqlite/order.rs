//! Whose turn it is among the deliveries of one key.
//!
//! `deliveries.turn` is set as long as a delivery counts for the order of its key: it has
//! its turn, or it stands behind another one. The first to come has it; when it has ended,
//! the next one in the order of arrival gets it. So at most one delivery of a key has its
//! turn, and if there are any that count, one has.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::batch::{Batch, int};
use super::rows::{self, DELIVERY_COLUMNS, DELIVERY_JOINS};
use crate::{DeliveryState, OrderKey, Rank, Turn};
use tollgate_base::event::HandlerName;

/// The values of `deliveries.turn`, beside null.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// It may run, or is dead and holds the others.
    First = 1,
    /// Another one has its turn.
    Behind = 2,
}

impl Place {
    /// What stands in the row.
    pub(super) fn from_row(value: Option<i64>) -> Option<Self> {
        match value? {
            1 => Some(Self::First),
            _ => Some(Self::Behind),
        }
    }
}

/// Whether a delivery in this state counts for the order of its key.
pub(super) fn counts(state: DeliveryState, turn: Turn) -> bool {
    match state {
        DeliveryState::Done | DeliveryState::Ignored => false,
        DeliveryState::Dead => turn.holds_when_dead,
        _ => true,
    }
}

/// The place that a delivery gets when it comes up; none without a key.
pub(super) fn place_of(batch: &Batch<'_>, key: Option<&OrderKey>) -> Result<Option<Place>> {
    key.map(|key| place(batch, key)).transpose()
}

/// Whether the handler of a key that is taken is away: then what comes is held at once, as
/// nobody would be told of it.
pub(super) fn is_away(batch: &Batch<'_>, handler: &HandlerName, key: &OrderKey) -> Result<bool> {
    if batch.is_absent(handler) {
        return Ok(true);
    }
    // It has not been said yet which handlers there are, or what is held is being released.
    batch
        .conn
        .prepare_cached(
            "SELECT state = 'held' FROM deliveries INDEXED BY deliveries_ordered
             WHERE order_key = ?1 AND turn IS NOT NULL ORDER BY seq LIMIT 1",
        )?
        .query_row([key.0.as_slice()], |row| row.get(0))
}

/// Whether a delivery counts for the order of its key.
pub(super) fn counts_still(batch: &Batch<'_>, seq: i64) -> Result<bool> {
    batch
        .conn
        .prepare_cached("SELECT 1 FROM deliveries WHERE seq = ?1 AND turn IS NOT NULL")?
        .exists([seq])
}

/// The place that a delivery of this key gets when it comes up.
fn place(batch: &Batch<'_>, key: &OrderKey) -> Result<Place> {
    let taken = batch
        .conn
        .prepare_cached(
            "SELECT 1 FROM deliveries INDEXED BY deliveries_ordered
             WHERE order_key = ?1 AND turn IS NOT NULL LIMIT 1",
        )?
        .exists([key.0.as_slice()])?;
    Ok(if taken { Place::Behind } else { Place::First })
}

/// The first to come of those of a key that count, and whether it can run now.
pub(super) const FIRST: &str =
    "SELECT seq, state = 'pending' FROM deliveries INDEXED BY deliveries_ordered
     WHERE order_key = ?1 AND turn IS NOT NULL ORDER BY seq LIMIT 1";

/// Gives the turn to the next delivery of the key, after the one that had it has ceased to
/// count. One that can run now is handed out.
pub(super) fn pass_on(batch: &mut Batch<'_>, key: &[u8]) -> Result<()> {
    let next: Option<(i64, bool)> = batch
        .conn
        .prepare_cached(FIRST)?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((seq, pending)) = next else {
        return Ok(());
    };
    // It has come long before others that were handed out: like a retry, it is found by
    // its time.
    batch
        .conn
        .prepare_cached("UPDATE deliveries SET turn = 1, due = ?2 WHERE seq = ?1")?
        .execute(params![seq, pending.then_some(int(batch.at.steady))])?;
    if pending {
        let sql = format!(
            "SELECT {DELIVERY_COLUMNS} FROM deliveries d {DELIVERY_JOINS} WHERE d.seq = ?1"
        );
        let delivery = batch
            .conn
            .prepare_cached(&sql)?
            .query_row([seq], rows::delivery)
            .optional()?;
        batch.made.released.extend(delivery);
    }
    Ok(())
}

/// A delivery that had ended, and is `state` now, counts again. Where others of its key are
/// under way it gets its turn after the one that has it; it is `pending` then.
pub(super) fn come_back(batch: &mut Batch<'_>, seq: i64, state: DeliveryState) -> Result<()> {
    let key: Option<[u8; 16]> = batch
        .conn
        .prepare_cached(
            "SELECT order_key FROM deliveries
             WHERE seq = ?1 AND order_key IS NOT NULL AND turn IS NULL",
        )?
        .query_row([seq], |row| row.get(0))
        .optional()?;
    let Some(key) = key else { return Ok(()) };
    if place(batch, &OrderKey(key))? == Place::First {
        batch
            .conn
            .prepare_cached("UPDATE deliveries SET turn = 1 WHERE seq = ?1")?
            .execute([seq])?;
        return Ok(());
    }
    batch
        .conn
        .prepare_cached(
            "UPDATE deliveries SET turn = 2, state = 'pending', due = NULL WHERE seq = ?1",
        )?
        .execute([seq])?;
    batch.tally.moved(state, DeliveryState::Pending, 1);
    Ok(())
}

/// A delivery has ended and counts no more.
pub(super) fn leave(batch: &mut Batch<'_>, seq: i64) -> Result<()> {
    let held: Option<(Vec<u8>, Option<i64>, i64)> = batch
        .conn
        .prepare_cached(
            "SELECT order_key, turn, event FROM deliveries WHERE seq = ?1 AND turn IS NOT NULL",
        )?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((key, turn, event)) = held else {
        return Ok(());
    };
    compare_with(batch, &key, event)?;
    batch
        .conn
        .prepare_cached("UPDATE deliveries SET turn = NULL WHERE seq = ?1")?
        .execute([seq])?;
    match Place::from_row(turn) {
        Some(Place::First) => pass_on(batch, &key),
        _ => Ok(()),
    }
}

/// The newest fact that a done delivery of the key told of.
pub(super) fn newest(conn: &Connection, key: &[u8]) -> Result<Option<Rank>> {
    let rank = |row: &Row<'_>| match row.get_ref(0)? {
        ValueRef::Integer(number) => Ok(Rank::Whole(number)),
        _ => row.get(0).map(Rank::Real),
    };
    conn.prepare_cached("SELECT rank FROM newest WHERE order_key = ?1")?
        .query_row([key], rank)
        .optional()
}

/// Whether a delivery of the key that tells of a fact of this rank may become done.
pub(super) fn is_stale(conn: &Connection, key: &[u8], rank: Rank) -> Result<bool> {
    Ok(newest(conn, key)?.is_some_and(|newest| rank.is_older_than(newest)))
}

/// Remembers the rank of what is done of an event, which is not stale.
pub(super) fn remember(batch: &Batch<'_>, key: &[u8], rank: Rank, event: i64) -> Result<()> {
    let rank: &dyn rusqlite::ToSql = match &rank {
        Rank::Whole(number) => number,
        Rank::Real(number) => number,
    };
    batch
        .conn
        .prepare_cached(
            "INSERT INTO newest (order_key, rank, event) VALUES (?1, ?2, ?3)
             ON CONFLICT (order_key)
             DO UPDATE SET rank = excluded.rank, event = max(event, excluded.event)",
        )?
        .execute(params![key, rank, event])?;
    Ok(())
}

/// Keeps the newest fact of the key for as long as this event of the key, which has ended, is
/// kept: a replay of it is to be compared, too.
pub(super) fn compare_with(batch: &Batch<'_>, key: &[u8], event: i64) -> Result<()> {
    batch
        .conn
        .prepare_cached("UPDATE newest SET event = ?2 WHERE order_key = ?1 AND event < ?2")?
        .execute(params![key, event])?;
    Ok(())
}

/// Forgets the newest facts of keys of which an event that is gone was the last to end,
/// unless one is still to run. Returns how many went.
pub(super) fn forget(batch: &Batch<'_>, event: i64) -> Result<u64> {
    let gone = batch
        .conn
        .prepare_cached(
            "DELETE FROM newest WHERE event = ?1 AND NOT EXISTS (
                 SELECT 1 FROM deliveries d INDEXED BY deliveries_ordered
                 WHERE d.order_key = newest.order_key AND d.turn IS NOT NULL)",
        )?
        .execute([event])?;
    Ok(gone as u64)
}

/// The next events after this one, before `end`, that are the last to have ended of some key
/// of which the newest fact is remembered.
pub(super) fn last_ended(conn: &Connection, after: i64, end: i64, most: usize) -> Result<Vec<i64>> {
    conn.prepare_cached(
        "SELECT DISTINCT event FROM newest INDEXED BY newest_by_event
         WHERE event > ?1 AND event < ?2 ORDER BY event LIMIT ?3",
    )?
    .query_map(params![after, end, most as i64], |row| row.get(0))?
    .collect()
}

/// How many dead deliveries one transaction lets others pass.
pub(super) const PASS_STEP: u64 = 500;

/// Has a bounded number of these handlers' dead deliveries count no more.
pub(super) fn let_pass(batch: &mut Batch<'_>, handlers: &[HandlerName]) -> Result<u64> {
    let mut passed = 0;
    for handler in handlers {
        let number = batch.handler(handler)?;
        let holding: Vec<i64> = batch
            .conn
            .prepare_cached(
                "SELECT seq FROM deliveries INDEXED BY deliveries_holding
                 WHERE state = 'dead' AND turn = 1 AND handler = ?1 LIMIT ?2",
            )?
            .query_map(params![number, int(PASS_STEP - passed)], |row| row.get(0))?
            .collect::<Result<_>>()?;
        passed += holding.len() as u64;
        holding.into_iter().try_for_each(|seq| leave(batch, seq))?;
    }
    Ok(passed)
}
