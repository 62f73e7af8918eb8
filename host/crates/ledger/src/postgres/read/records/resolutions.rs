//! What was asked about an event, and what was told, as operators see it.

use tokio_postgres::Row;

use crate::engine::payload_of;
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::values::{get, maybe_text, small, status, steady, wall};
use crate::{ResolvedView, ResolvingView, ToldView};
use tollgate_base::time::Ahead;

/// The state of the question about an event that waits for the answer.
pub(super) async fn resolving(
    conn: &Connection,
    event: i64,
    ahead: Ahead,
) -> Result<Option<ResolvingView>, Fault> {
    let row = conn
        .first(
            "SELECT since, due, tries, mend, status, error FROM resolutions WHERE event = $1",
            &[&event],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(ResolvingView {
        since_ms: wall(&row, 0)?,
        due_ms: ahead.wall(steady(&row, 1)?),
        tries: small(&row, 2)?,
        to_mend: get(&row, 3)?,
        status: status(&row, 4)?,
        error: maybe_text(&row, 5)?,
    }))
}

/// What was told about an event.
pub(super) async fn resolved(conn: &Connection, event: i64) -> Result<Option<ResolvedView>, Fault> {
    let row = conn
        .first(
            "SELECT at, tries, object_state, object, event_state, full_event, note FROM resolved
             WHERE event = $1",
            &[&event],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(ResolvedView {
        at_ms: wall(&row, 0)?,
        tries: small(&row, 1)?,
        object: told(&row, 2)?,
        event: told(&row, 4)?,
        note: maybe_text(&row, 6)?,
    }))
}

fn told(row: &Row, first: usize) -> Result<Option<ToldView>, Fault> {
    Ok(match get::<Option<bool>>(row, first)? {
        None => None,
        Some(false) => Some(ToldView::Gone),
        Some(true) => {
            let body: Vec<u8> = get(row, first + 1)?;
            Some(ToldView::Found(payload_of(&body)))
        }
    })
}
