//! Reads of one statement.

use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::values::{get, handler, text, wall};
use crate::{Cursor, LastingAlert, Pause, RecordList};
use tollgate_base::event::{ComponentDigest, HandlerName};

/// Every handler that the ledger has met.
pub(crate) async fn handlers(conn: &Connection) -> Result<Vec<HandlerName>, Fault> {
    let rows = conn
        .query("SELECT name FROM handlers ORDER BY name COLLATE \"C\"", &[])
        .await?;
    rows.iter().map(|row| handler(row, 0)).collect()
}

/// Every handler that is paused.
pub(crate) async fn pauses(conn: &Connection) -> Result<Vec<(HandlerName, Pause)>, Fault> {
    let rows = conn
        .query(
            "SELECT name, paused, outbox_paused FROM handlers WHERE paused IS NOT NULL
             ORDER BY name COLLATE \"C\"",
            &[],
        )
        .await?;
    let pause = |row| {
        let pause = Pause {
            since: wall(row, 1)?,
            outbox: get(row, 2)?,
        };
        Ok((handler(row, 0)?, pause))
    };
    rows.iter().map(pause).collect()
}

/// Whether a kept attempt names this component.
pub(crate) async fn is_named(conn: &Connection, component: ComponentDigest) -> Result<bool, Fault> {
    conn.exists(
        "SELECT 1 FROM component_uses WHERE component = $1 HAVING sum(attempts) > 0",
        &[&component.0.to_vec()],
    )
    .await
}

/// The alerts that last, by key.
pub(crate) async fn alerts(conn: &Connection) -> Result<Vec<LastingAlert>, Fault> {
    let rows = conn
        .query(
            "SELECT key, since, text FROM alerts ORDER BY key COLLATE \"C\"",
            &[],
        )
        .await?;
    let alert = |row| {
        Ok(LastingAlert {
            key: text(row, 0)?,
            since: wall(row, 1)?,
            text: text(row, 2)?,
        })
    };
    rows.iter().map(alert).collect()
}

/// What the watcher of alerts keeps in mind.
pub(crate) async fn alert_memory(conn: &Connection) -> Result<Option<String>, Fault> {
    let row = conn.first("SELECT memory FROM alert_memory", &[]).await?;
    row.map(|row| text(&row, 0)).transpose()
}

/// The cursor at the newest row of a list.
pub(crate) async fn last_cursor(conn: &Connection, list: RecordList) -> Result<Cursor, Fault> {
    let sql = match list {
        RecordList::Events => "SELECT coalesce(max(seq), 0) FROM events",
        RecordList::Deliveries => {
            "SELECT coalesce(greatest((SELECT max(place) FROM queue),
                 (SELECT max(place) FROM history)), 0)"
        }
        RecordList::Requests => "SELECT coalesce(max(place), 0) FROM outbox",
        RecordList::Rejections => "SELECT coalesce(max(seq), 0) FROM rejections",
    };
    let row = conn.first(sql, &[]).await?;
    let last = row.map(|row| get(&row, 0)).transpose()?;
    Ok(crate::engine::cursor(list, last.unwrap_or(0)))
}
