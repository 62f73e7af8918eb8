//! Requests in the outbox.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::bytes::within;
use crate::sqlite::kept_time;
use crate::sqlite::rows::{self, OUTBOX_COLUMNS, OUTBOX_JOINS};
use crate::{OutboxEntry, OutboxRequest, OutboxSeq, OutboxState};

/// Waiting requests after `after`, in the order of their commits.
pub(crate) fn waiting(
    conn: &Connection,
    after: OutboxSeq,
    limit: usize,
    max_bytes: usize,
) -> Result<Vec<OutboxRequest>> {
    let sql = format!(
        "SELECT {OUTBOX_COLUMNS} FROM outbox o INDEXED BY outbox_waiting {OUTBOX_JOINS}
         WHERE o.state = 'waiting' AND o.seq > ?1 ORDER BY o.seq LIMIT ?2"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![after.0, limit as i64], rows::outbox_request)?;
    within(rows, max_bytes, |request| {
        let headers: usize = request
            .request
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        request.request.body.len() + request.request.url.len() + headers
    })
}

/// The request of this number.
pub(crate) fn request(conn: &Connection, seq: OutboxSeq) -> Result<Option<OutboxRequest>> {
    let sql = format!("SELECT {OUTBOX_COLUMNS} FROM outbox o {OUTBOX_JOINS} WHERE o.seq = ?1");
    conn.prepare_cached(&sql)?
        .query_row([seq.0], rows::outbox_request)
        .optional()
}

/// Requests, newest first.
pub(crate) fn list(
    conn: &Connection,
    state: Option<OutboxState>,
    limit: usize,
) -> Result<Vec<OutboxEntry>> {
    let ahead = kept_time::ahead(conn)?;
    // SQLite uses a partial index only if the state stands in the statement's text.
    let filter = state.map_or_else(String::new, |state| format!("WHERE o.state = '{state}'"));
    let sql = format!(
        "SELECT {OUTBOX_COLUMNS} FROM outbox o {OUTBOX_JOINS} {filter}
         ORDER BY o.seq DESC LIMIT ?1"
    );
    conn.prepare_cached(&sql)?
        .query_map([limit as i64], |row| {
            let request = rows::outbox_request(row)?;
            Ok(OutboxEntry {
                due: ahead.wall(request.due),
                request,
                state: rows::outbox_state(row, 12)?,
                status: row.get(13)?,
                error: row.get::<_, Option<String>>(14)?.unwrap_or_default(),
            })
        })?
        .collect()
}
