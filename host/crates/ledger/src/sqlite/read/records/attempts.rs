//! Attempts as operators see them, with the requests and events that they made.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::requests;
use crate::engine::log_lines;
use crate::sqlite::exchanges;
use crate::sqlite::rows::{unsigned, wall};
use crate::{AttemptView, EmittedView, ExchangeView};
use tollgate_base::event::{ComponentDigest, EventId};

/// The outcome and the detail of a delivery's last attempt.
pub(crate) fn last(conn: &Connection, delivery: i64) -> Result<Option<(String, Option<String>)>> {
    conn.prepare_cached(
        "SELECT outcome, detail FROM attempts WHERE delivery = ?1
         ORDER BY run DESC, number DESC LIMIT 1",
    )?
    .query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?)))
    .optional()
}

/// A delivery's last attempts, in order.
pub(crate) fn of(conn: &Connection, delivery: i64, limit: usize) -> Result<Vec<AttemptView>> {
    let mut attempts: Vec<_> = conn
        .prepare_cached(
            "SELECT a.run, a.number, a.started, a.duration_us, a.outcome, a.detail, c.digest,
                 a.logs, a.first_request, a.requests, a.first_emitted, a.emitted
             FROM attempts a LEFT JOIN components c ON c.id = a.component
             WHERE a.delivery = ?1 ORDER BY a.run DESC, a.number DESC LIMIT ?2",
        )?
        .query_map(params![delivery, limit as i64], |row| {
            read(conn, delivery, row)
        })?
        .collect::<Result<_>>()?;
    attempts.reverse();
    Ok(attempts)
}

fn read(conn: &Connection, delivery: i64, row: &Row<'_>) -> Result<AttemptView> {
    let digest: Option<[u8; 32]> = row.get(6)?;
    let logs: Option<String> = row.get(7)?;
    Ok(AttemptView {
        run: row.get(0)?,
        number: row.get(1)?,
        started_ms: wall(row, 2)?,
        duration_us: unsigned(row, 3)?,
        outcome: row.get(4)?,
        detail: row.get(5)?,
        component: digest.map(|digest| ComponentDigest(digest).to_string()),
        logs: log_lines(logs.as_deref().unwrap_or_default()),
        requests: requests::of_attempt(conn, row.get(8)?, row.get(9)?)?,
        emitted: emitted(conn, row.get(10)?, row.get(11)?)?,
        immediate: exchanges::of_attempt(conn, delivery, row.get(0)?, row.get(1)?)?
            .into_iter()
            .map(ExchangeView::from)
            .collect(),
    })
}

fn emitted(conn: &Connection, first: Option<i64>, many: Option<i64>) -> Result<Vec<EmittedView>> {
    let (Some(first), Some(many)) = (first, many) else {
        return Ok(Vec::new());
    };
    conn.prepare_cached(
        "SELECT id, kind FROM events WHERE seq >= ?1 AND seq < ?1 + ?2 ORDER BY seq",
    )?
    .query_map([first, many], |row| {
        Ok(EmittedView {
            id: EventId::from_bytes(row.get(0)?).to_string(),
            kind: row.get(1)?,
        })
    })?
    .collect()
}
