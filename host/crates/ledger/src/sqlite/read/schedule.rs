//! Reading handlers' schedules.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::sqlite::values::int;
use crate::sqlite::{kept_time, rows};
use crate::{DueEntries, DueEntry, EntryVersion, Scheduled};
use tollgate_base::event::{EventId, HandlerName};
use tollgate_base::time::{Ahead, WallTime};

/// The most entries of one reading, so that nobody waits long for the commit that fires them
/// when many entries fall due at once.
const STEP: usize = 200;

/// The most bytes of payload of one reading; one entry may have more.
const STEP_BYTES: usize = 1 << 20;

/// The columns of [`entry`], from `schedule c` and `handlers h`, without the due time.
const COLUMNS: &str =
    "c.seq, c.handler, h.name, c.key, c.cause, c.call, c.kind, c.subject, c.account, c.depth,
     c.payload";

/// The statement that selects the columns of [`entry`] for the first `?1` entries, in the
/// order in which they are due, up to the time of day `?4`. `of` is a condition on the handler,
/// which may use `?3`. `?2` is how far due times by the steady clock are ahead of the time of
/// day.
fn select(of: &str) -> String {
    // Two selects, each by its own index: there may be a million entries.
    let first = |steady: u8, ahead: &str| {
        format!(
            "SELECT * FROM (SELECT seq, due - {ahead} AS due FROM schedule
             WHERE steady = {steady} AND due <= ?4 + {ahead} {of}
             ORDER BY schedule.due, seq LIMIT ?1)"
        )
    };
    format!(
        "SELECT {COLUMNS}, f.due
         FROM ({} UNION ALL {} ORDER BY 2, 1 LIMIT ?1) f
         CROSS JOIN schedule c ON c.seq = f.seq CROSS JOIN handlers h ON h.id = c.handler
         ORDER BY f.due, f.seq",
        first(0, "0"),
        first(1, "?2"),
    )
}

/// An entry.
fn entry(row: &Row<'_>) -> Result<Scheduled> {
    Ok(Scheduled {
        handler: HandlerName::new(row.get_ref(2)?.as_str()?),
        key: row.get(3)?,
        due: rows::wall(row, 11)?,
        cause: rows::event_id(row, 4)?,
        call: row.get(5)?,
        kind: row.get(6)?,
        subject: row.get(7)?,
        account: row.get(8)?,
        depth: row.get(9)?,
        payload: row.get::<_, Vec<u8>>(10)?.into(),
    })
}

/// The entries of one handler or of all, in the order in which they are due.
pub(crate) fn list(
    conn: &Connection,
    handler: Option<i64>,
    limit: usize,
) -> Result<Vec<Scheduled>> {
    let ahead = kept_time::ahead(conn)?;
    conn.prepare_cached(&select("AND handler = coalesce(?3, handler)"))?
        .query_map(
            params![limit as i64, ahead.as_millis(), handler, i64::MAX / 2],
            entry,
        )?
        .collect()
}

/// The entries that the handling of an event put and that are not recorded yet.
pub(crate) fn of_cause(conn: &Connection, cause: EventId, limit: usize) -> Result<Vec<Scheduled>> {
    let ahead = kept_time::ahead(conn)?;
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS}, c.due - c.steady * ?2 FROM schedule c INDEXED BY schedule_by_cause
         CROSS JOIN handlers h ON h.id = c.handler WHERE c.cause = ?1 ORDER BY c.seq LIMIT ?3"
    ))?
    .query_map(
        params![cause.as_bytes(), ahead.as_millis(), limit as i64],
        entry,
    )?
    .collect()
}

/// The first entries that are due at `now`. The version of an entry is its number.
pub(crate) fn due(conn: &Connection, now: WallTime, ahead: Ahead) -> Result<DueEntries> {
    let mut statement = conn.prepare_cached(&select("AND ?3 IS NULL"))?;
    let handler: Option<i64> = None;
    let one_more = STEP as i64 + 1;
    let mut rows = statement.query(params![one_more, ahead.as_millis(), handler, int(now)])?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let entry = entry(row)?;
        if found.len() >= STEP || bytes >= STEP_BYTES {
            return Ok(DueEntries {
                entries: found,
                next: Some(entry.due),
            });
        }
        bytes += entry.payload.len();
        found.push(DueEntry {
            entry,
            version: EntryVersion(row.get(0)?),
        });
    }
    Ok(DueEntries {
        entries: found,
        next: next_after(conn, now, ahead)?,
    })
}

/// When the next entry is due that is not due at `now`.
fn next_after(conn: &Connection, now: WallTime, ahead: Ahead) -> Result<Option<WallTime>> {
    conn.prepare_cached(
        "SELECT min(due) FROM (
             SELECT min(due) AS due FROM schedule WHERE steady = 0 AND due > ?1
             UNION ALL
             SELECT min(due) - ?2 FROM schedule WHERE steady = 1 AND due > ?1 + ?2)",
    )?
    .query_row(params![int(now), ahead.as_millis()], |row| {
        rows::maybe_wall(row, 0)
    })
}

/// The entry of this number with the number of its handler.
pub(crate) fn get(conn: &Connection, seq: i64, ahead: Ahead) -> Result<Option<(i64, Scheduled)>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS}, c.due - c.steady * ?2 FROM schedule c
         CROSS JOIN handlers h ON h.id = c.handler WHERE c.seq = ?1"
    ))?
    .query_row(params![seq, ahead.as_millis()], |row| {
        Ok((row.get(1)?, entry(row)?))
    })
    .optional()
}
