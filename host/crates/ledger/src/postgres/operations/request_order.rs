//! The line of waiting requests that have one handler and one order key.
//!
//! Requests of one line go one after another, in the order of their places. `outbox.blocked` is
//! false for the first waiting request of a line and true for all others. A new or requeued request
//! is the last of its line. When the first one ends, the next one becomes the first.

use uuid::Uuid;

use crate::postgres::error::Fault;
use crate::postgres::rows::{self, REQUEST, REQUEST_FROM};
use crate::postgres::transaction::Tx;
use crate::postgres::values::get;
use crate::{OrderKey, Token};
use tollgate_base::event::HandlerName;

/// The line of a request: a hash of its handler and its order key.
pub(crate) fn line(handler: &HandlerName, order_key: Option<&str>) -> Option<[u8; 16]> {
    order_key.map(|key| OrderKey::new(handler, key).0)
}

/// The place of a request that is about to join its line, and whether it stands behind another one.
pub(super) async fn join(tx: &mut Tx, line: Option<[u8; 16]>) -> Result<(i64, bool), Fault> {
    let Some(line) = line else {
        return Ok((tx.numbers.number(), false));
    };
    let row = tx
        .first(
            "SELECT max(place) FROM outbox WHERE state = 'waiting' AND line = $1",
            &[&Uuid::from_bytes(line)],
        )
        .await?;
    let last: Option<i64> = row.map(|row| get(&row, 0)).transpose()?.flatten();
    Ok(match last {
        Some(last) => (tx.numbers.number_after(last), true),
        None => (tx.numbers.number(), false),
    })
}

/// Unblocks the next request of a line after a request of the line has ended, and hands it to the
/// sink. Does nothing if the first one of the line still waits.
pub(super) async fn release_next(tx: &mut Tx, line: Option<[u8; 16]>) -> Result<(), Fault> {
    let Some(line) = line else { return Ok(()) };
    let row = tx
        .first(
            "SELECT id, blocked FROM outbox WHERE state = 'waiting' AND line = $1
             ORDER BY place LIMIT 1 FOR NO KEY UPDATE",
            &[&Uuid::from_bytes(line)],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    if !get::<bool>(&row, 1)? {
        return Ok(());
    }
    let id: i64 = get(&row, 0)?;
    tx.execute("UPDATE outbox SET blocked = false WHERE id = $1", &[&id])
        .await?;
    hand_out(tx, id).await
}

/// Takes the lease of a request that may go, if nobody has it, and hands the request to the sink.
pub(super) async fn hand_out(tx: &mut Tx, id: i64) -> Result<(), Fault> {
    let taken = tx
        .execute(
            "UPDATE outbox SET owner = $2, token = token + 1 WHERE id = $1 AND owner IS NULL",
            &[&id, &tx.me.owner],
        )
        .await?;
    if taken == 0 {
        return Ok(());
    }
    let sql = format!("SELECT {REQUEST} FROM {REQUEST_FROM} WHERE o.id = $1");
    if let Some(row) = tx.first(&sql, &[&id]).await? {
        let (token, line): (Token, _) = rows::request_lease(&row)?;
        tx.news.queued.push((rows::request(&row)?, token, line));
    }
    Ok(())
}
