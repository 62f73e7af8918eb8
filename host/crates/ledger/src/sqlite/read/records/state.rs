//! Handlers' state and the changes of operators to it, as operators see them.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::resolutions::payload;
use crate::sqlite::read::state::span;
use crate::sqlite::rows::wall;
use crate::{StateChangeView, StateView};
use tollgate_base::event::HandlerName;
use tollgate_base::time::WallTime;

const COLUMNS: &str = "s.key, s.version, s.value, lower(hex(c.digest)), s.written
     FROM state s LEFT JOIN components c ON c.id = s.component";

/// The values whose keys begin with `prefix` and come after `after`, in byte order.
pub(crate) fn state(
    conn: &Connection,
    handler: i64,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<StateView>> {
    let (condition, from) = span(prefix, after);
    let sql = format!(
        "SELECT {COLUMNS} WHERE s.handler = ?1 AND s.key {condition} ?2 ORDER BY s.key LIMIT ?3"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![handler, from, limit], view)?;
    let begins = |row: &Result<StateView>| match row {
        Ok(row) => row.key.starts_with(prefix),
        Err(_) => true,
    };
    rows.take_while(begins).collect()
}

/// One value.
pub(crate) fn state_value(conn: &Connection, handler: i64, key: &str) -> Result<Option<StateView>> {
    let sql = format!("SELECT {COLUMNS} WHERE s.handler = ?1 AND s.key = ?2");
    conn.prepare_cached(&sql)?
        .query_row(params![handler, key], view)
        .optional()
}

fn view(row: &Row<'_>) -> Result<StateView> {
    let bytes = row.get_ref(2)?.as_blob()?.len();
    let digest: Option<String> = row.get(3)?;
    Ok(StateView {
        key: row.get(0)?,
        version: row.get(1)?,
        bytes,
        component: digest.filter(|digest| !digest.is_empty()),
        written_ms: millis(row.get(4)?),
        value: Some(payload(row, 2)?),
    })
}

fn millis(at: Option<i64>) -> Option<WallTime> {
    at.map(|at| WallTime::from_millis(u64::try_from(at).unwrap_or(0)))
}

/// The last changes to the state of a handler, whose number and name these are, the newest first.
pub(crate) fn state_changes(
    conn: &Connection,
    (handler, name): (i64, &HandlerName),
    key: Option<&str>,
    limit: u32,
) -> Result<Vec<StateChangeView>> {
    conn.prepare_cached(
        "SELECT seq, at, key, action, before, after, who, why FROM state_changes
         WHERE handler = ?1 AND (?2 IS NULL OR key = ?2) ORDER BY seq DESC LIMIT ?3",
    )?
    .query_map(params![handler, key, limit], |row| {
        let length = |column| -> Result<Option<usize>> {
            let bytes: Option<i64> = row.get(column)?;
            Ok(bytes.and_then(|bytes| usize::try_from(bytes).ok()))
        };
        Ok(StateChangeView {
            seq: row.get(0)?,
            at_ms: wall(row, 1)?,
            handler: name.to_string(),
            key: row.get(2)?,
            action: row.get(3)?,
            before: length(4)?,
            after: length(5)?,
            who: row.get(6)?,
            why: row.get(7)?,
        })
    })?
    .collect()
}
