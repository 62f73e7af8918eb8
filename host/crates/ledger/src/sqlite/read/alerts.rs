//! Alerts that last, and what their watcher keeps in mind.

use rusqlite::{Connection, OptionalExtension, Result};

use crate::LastingAlert;
use crate::sqlite::rows;

/// The alerts that last, by key.
pub(crate) fn lasting(conn: &Connection) -> Result<Vec<LastingAlert>> {
    conn.prepare_cached("SELECT key, since, text FROM alerts ORDER BY key")?
        .query_map([], |row| {
            Ok(LastingAlert {
                key: row.get(0)?,
                since: rows::wall(row, 1)?,
                text: row.get(2)?,
            })
        })?
        .collect()
}

/// What the watcher keeps in mind.
pub(crate) fn memory(conn: &Connection) -> Result<Option<String>> {
    conn.prepare_cached("SELECT memory FROM alert_memory")?
        .query_row([], |row| row.get(0))
        .optional()
}
