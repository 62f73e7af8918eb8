//! The rank of the newest fact that was handled, by order key: the table `newest`.

use uuid::Uuid;

use super::connection::Connection;
use super::error::Fault;
use super::transaction::Tx;
use super::values::get;
use crate::{OrderKey, Rank};

/// The rank of the newest fact that a `done` delivery of the key told of.
pub(crate) async fn newest(conn: &Connection, key: &OrderKey) -> Result<Option<Rank>, Fault> {
    let row = conn
        .first(
            "SELECT whole, fraction FROM newest WHERE order_key = $1",
            &[&Uuid::from_bytes(key.0)],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(match get::<Option<i64>>(&row, 0)? {
        Some(number) => Some(Rank::Whole(number)),
        None => get::<Option<f64>>(&row, 1)?.map(Rank::Real),
    })
}

/// Whether a fact of this rank is older than the newest one, so that its delivery may not become
/// `done`.
pub(crate) async fn is_stale(tx: &Tx, key: &OrderKey, rank: Rank) -> Result<bool, Fault> {
    let newest = newest(tx.conn(), key).await?;
    Ok(newest.is_some_and(|newest| rank.is_older_than(newest)))
}

/// Makes this rank the newest one of the key. It must not be stale. `event` is the event of the
/// delivery that becomes `done`.
pub(crate) async fn remember(tx: &Tx, key: &OrderKey, rank: Rank, event: i64) -> Result<(), Fault> {
    let (whole, fraction) = match rank {
        Rank::Whole(number) => (Some(number), None),
        Rank::Real(number) => (None, Some(number)),
    };
    tx.execute(
        "INSERT INTO newest (order_key, whole, fraction, event) VALUES ($1, $2, $3, $4)
         ON CONFLICT (order_key) DO UPDATE SET whole = excluded.whole,
             fraction = excluded.fraction, event = greatest(newest.event, excluded.event)",
        &[&Uuid::from_bytes(key.0), &whole, &fraction, &event],
    )
    .await?;
    Ok(())
}

/// Keeps the key's newest rank as long as this event is kept. The event's delivery has ended; a
/// replay of the delivery is compared with the rank, too.
pub(crate) async fn keep_for(tx: &Tx, key: &OrderKey, event: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE newest SET event = $2 WHERE order_key = $1 AND event < $2",
        &[&Uuid::from_bytes(key.0), &event],
    )
    .await?;
    Ok(())
}

/// Forgets ranks that were kept for events before `end`, unless a delivery of the key is still to
/// run. Returns how many ranks went.
pub(crate) async fn forget(tx: &Tx, end: i64, limit: i64) -> Result<u64, Fault> {
    tx.execute(
        "DELETE FROM newest WHERE order_key IN (
             SELECT n.order_key FROM newest n WHERE n.event < $1 AND NOT EXISTS (
                 SELECT 1 FROM queue d WHERE d.order_key = n.order_key AND d.turn IS NOT NULL)
             ORDER BY n.event LIMIT $2)",
        &[&end, &limit],
    )
    .await
}
