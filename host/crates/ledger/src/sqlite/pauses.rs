//! Which handlers an operator has paused.

use rusqlite::{Connection, Result, params};

use super::batch::{Batch, int};
use super::rows;
use crate::Pause;
use tollgate_base::event::HandlerName;

/// A handler and what its pause is to be.
pub(super) type PauseRequest = (HandlerName, Option<Pause>);

/// Pauses a handler or resumes it. It need not have had an event yet.
pub(super) fn set(batch: &mut Batch<'_>, (handler, pause): &PauseRequest) -> Result<()> {
    let handler = batch.handler(handler)?;
    batch
        .conn
        .prepare_cached("UPDATE handlers SET paused = ?2, outbox_paused = ?3 WHERE id = ?1")?
        .execute(params![
            handler,
            pause.map(|pause| int(pause.since)),
            pause.is_some_and(|pause| pause.outbox),
        ])?;
    Ok(())
}

/// Every handler that is paused.
pub(super) fn list(conn: &Connection) -> Result<Vec<(HandlerName, Pause)>> {
    conn.prepare_cached(
        "SELECT name, paused, outbox_paused FROM handlers WHERE paused IS NOT NULL ORDER BY name",
    )?
    .query_map([], |row| {
        let pause = Pause {
            since: rows::wall(row, 1)?,
            outbox: row.get(2)?,
        };
        Ok((HandlerName::new(row.get_ref(0)?.as_str()?), pause))
    })?
    .collect()
}
