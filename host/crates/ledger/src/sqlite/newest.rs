//! The rank of the newest fact that was handled, by order key: the table `newest`.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::Rank;

/// The rank of the newest fact that a `done` delivery of the key told of.
pub(crate) fn newest(conn: &Connection, key: &[u8]) -> Result<Option<Rank>> {
    let rank = |row: &Row<'_>| match row.get_ref(0)? {
        ValueRef::Integer(number) => Ok(Rank::Whole(number)),
        _ => row.get(0).map(Rank::Real),
    };
    conn.prepare_cached("SELECT rank FROM newest WHERE order_key = ?1")?
        .query_row([key], rank)
        .optional()
}

/// Whether a fact of this rank is older than the newest one, so that its delivery may not
/// become `done`.
pub(crate) fn is_stale(conn: &Connection, key: &[u8], rank: Rank) -> Result<bool> {
    Ok(newest(conn, key)?.is_some_and(|newest| rank.is_older_than(newest)))
}

/// Makes this rank the newest one of the key. It must not be stale. `event` is the event of
/// the delivery that becomes `done`.
pub(crate) fn remember(conn: &Connection, key: &[u8], rank: Rank, event: i64) -> Result<()> {
    let rank: &dyn rusqlite::ToSql = match &rank {
        Rank::Whole(number) => number,
        Rank::Real(number) => number,
    };
    conn.prepare_cached(
        "INSERT INTO newest (order_key, rank, event) VALUES (?1, ?2, ?3)
         ON CONFLICT (order_key)
         DO UPDATE SET rank = excluded.rank, event = max(event, excluded.event)",
    )?
    .execute(params![key, rank, event])?;
    Ok(())
}

/// Keeps the key's newest rank as long as this event is kept. The event's delivery has ended;
/// a replay of the delivery is compared with the rank, too.
pub(crate) fn keep_for(conn: &Connection, key: &[u8], event: i64) -> Result<()> {
    conn.prepare_cached("UPDATE newest SET event = ?2 WHERE order_key = ?1 AND event < ?2")?
        .execute(params![key, event])?;
    Ok(())
}

/// Forgets the ranks that were kept for this event, which is gone, unless a delivery of the
/// key is still to run. Returns how many ranks went.
pub(crate) fn forget(conn: &Connection, event: i64) -> Result<u64> {
    let forgotten = conn
        .prepare_cached(
            "DELETE FROM newest WHERE event = ?1 AND NOT EXISTS (
             SELECT 1 FROM deliveries d INDEXED BY deliveries_ordered
             WHERE d.order_key = newest.order_key AND d.turn IS NOT NULL)",
        )?
        .execute([event])?;
    Ok(forgotten as u64)
}

/// Up to `limit` events between `after` and `end` for which ranks are kept, in order.
pub(crate) fn kept_for(conn: &Connection, after: i64, end: i64, limit: usize) -> Result<Vec<i64>> {
    conn.prepare_cached(
        "SELECT DISTINCT event FROM newest INDEXED BY newest_by_event
         WHERE event > ?1 AND event < ?2 ORDER BY event LIMIT ?3",
    )?
    .query_map(params![after, end, limit as i64], |row| row.get(0))?
    .collect()
}
