//! The newest row of a list.

use rusqlite::{Connection, Result};

use crate::engine::cursor;
use crate::{Cursor, RecordList};

/// The cursor at the newest row of a list.
pub(crate) fn last_cursor(conn: &Connection, list: RecordList) -> Result<Cursor> {
    let table = match list {
        RecordList::Events => "events",
        RecordList::Deliveries => "deliveries",
        RecordList::Requests => "outbox",
        RecordList::Rejections => "rejections",
    };
    conn.prepare_cached(&format!("SELECT coalesce(max(seq), 0) FROM {table}"))?
        .query_row([], |row| Ok(cursor(list, row.get(0)?)))
}
