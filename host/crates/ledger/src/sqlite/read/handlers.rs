//! The handlers that the ledger has met.

use rusqlite::{Connection, OptionalExtension, Result};

use crate::Pause;
use crate::sqlite::rows;
use tollgate_base::event::HandlerName;

/// The number of a handler's name; `None` if the ledger has not met the handler.
pub(crate) fn number(conn: &Connection, handler: &HandlerName) -> Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM handlers WHERE name = ?1")?
        .query_row([handler.as_str()], |row| row.get(0))
        .optional()
}

/// Every handler that the ledger has met.
pub(crate) fn all(conn: &Connection) -> Result<Vec<HandlerName>> {
    conn.prepare_cached("SELECT name FROM handlers ORDER BY name")?
        .query_map([], |row| Ok(HandlerName::new(row.get_ref(0)?.as_str()?)))?
        .collect()
}

/// Every handler that is paused.
pub(crate) fn pauses(conn: &Connection) -> Result<Vec<(HandlerName, Pause)>> {
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
