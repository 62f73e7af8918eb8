//! The line of waiting requests that have one handler and one order key.
//!
//! Requests of one line go one after another, in the order of their numbers. `outbox.blocked` is 0
//! for the first waiting request of a line and 1 for all others. A new or requeued request has the
//! highest number of all, so it is the last of its line. When the first one ends, the next one
//! becomes the first.

use rusqlite::{OptionalExtension, Result, params};

use crate::RequestId;
use crate::sqlite::read::outbox;
use crate::sqlite::write::Transaction;

/// The first waiting request of a line, and whether it is blocked.
pub(crate) const FIRST: &str = "SELECT seq, blocked FROM outbox INDEXED BY outbox_ordered
    WHERE state = 'waiting' AND order_key IS NOT NULL AND handler = ?1 AND order_key = ?2
    ORDER BY seq LIMIT 1";

/// Whether a request that is about to join its line stands behind another one.
pub(super) fn is_blocked(
    tx: &Transaction<'_>,
    handler: i64,
    order_key: Option<&str>,
) -> Result<bool> {
    match order_key {
        Some(key) => tx.prepare(FIRST)?.exists(params![handler, key]),
        None => Ok(false),
    }
}

/// Unblocks the next request of a line after a request of the line has ended, and hands it to the
/// sink. Does nothing if the first one of the line still waits.
pub(super) fn release_next(
    tx: &mut Transaction<'_>,
    handler: i64,
    order_key: Option<&str>,
) -> Result<()> {
    let Some(key) = order_key else { return Ok(()) };
    let first: Option<(i64, bool)> = tx
        .prepare(FIRST)?
        .query_row(params![handler, key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((seq, true)) = first {
        tx.execute("UPDATE outbox SET blocked = 0 WHERE seq = ?1", [seq])?;
        let request = outbox::request(tx.conn(), RequestId(seq))?;
        tx.for_sink.queued.extend(request);
    }
    Ok(())
}
