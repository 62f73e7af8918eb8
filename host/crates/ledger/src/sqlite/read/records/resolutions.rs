//! What was asked about an event, and what was told, as operators see it.

use rusqlite::{Connection, OptionalExtension, Result, Row};

use crate::engine::payload_of;
use crate::sqlite::kept_time::AHEAD;
use crate::sqlite::rows::wall;
use crate::{Payload, ResolvedView, ResolvingView, ToldView};

/// The state of the question about an event that waits for the answer.
pub(super) fn resolving(conn: &Connection, event: i64) -> Result<Option<ResolvingView>> {
    conn.prepare_cached(&format!(
        "SELECT since, max(0, due - {AHEAD}), tries, mend, status, error FROM resolutions
         WHERE event = ?1"
    ))?
    .query_row([event], |row| {
        Ok(ResolvingView {
            since_ms: wall(row, 0)?,
            due_ms: wall(row, 1)?,
            tries: row.get(2)?,
            to_mend: row.get(3)?,
            status: row.get(4)?,
            error: row.get(5)?,
        })
    })
    .optional()
}

/// What was told about an event.
pub(super) fn resolved(conn: &Connection, event: i64) -> Result<Option<ResolvedView>> {
    conn.prepare_cached(
        "SELECT at, tries, object_state, object, event_state, full_event, note FROM resolved
         WHERE event = ?1",
    )?
    .query_row([event], |row| {
        Ok(ResolvedView {
            at_ms: wall(row, 0)?,
            tries: row.get(1)?,
            object: told(row, 2)?,
            event: told(row, 4)?,
            note: row.get(6)?,
        })
    })
    .optional()
}

fn told(row: &Row<'_>, first: usize) -> Result<Option<ToldView>> {
    Ok(match row.get(first)? {
        None => None,
        Some(false) => Some(ToldView::Gone),
        Some(true) => Some(ToldView::Found(payload(row, first + 1)?)),
    })
}

/// The bytes in this column.
pub(super) fn payload(row: &Row<'_>, column: usize) -> Result<Payload> {
    Ok(payload_of(row.get_ref(column)?.as_blob()?))
}
