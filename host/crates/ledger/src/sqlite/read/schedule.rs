//! Reading handlers' schedules.

use rusqlite::{Connection, Result, Row, params};

use crate::Scheduled;
use crate::sqlite::{kept_time, rows};
use tollgate_base::event::HandlerName;

/// The statement that selects the columns of [`entry`] for the first `?1` entries, in the
/// order in which they are due, up to the time of day `?4`. `of` is a condition on the handler,
/// which may use `?3`. `?2` is how far due times by the steady clock are ahead of the time of
/// day.
pub(crate) fn select(of: &str) -> String {
    // Two selects, each by its own index: there may be a million entries.
    let first = |steady: u8, ahead: &str| {
        format!(
            "SELECT * FROM (SELECT seq, due - {ahead} AS due FROM schedule
             WHERE steady = {steady} AND due <= ?4 + {ahead} {of}
             ORDER BY schedule.due, seq LIMIT ?1)"
        )
    };
    format!(
        "SELECT c.seq, c.handler, h.name, c.key, f.due, c.cause, c.call, c.kind, c.subject,
             c.account, c.depth, c.payload
         FROM ({} UNION ALL {} ORDER BY 2, 1 LIMIT ?1) f
         CROSS JOIN schedule c ON c.seq = f.seq CROSS JOIN handlers h ON h.id = c.handler
         ORDER BY f.due, f.seq",
        first(0, "0"),
        first(1, "?2"),
    )
}

/// The number of an entry, the number of its handler, and the entry.
pub(crate) fn entry(row: &Row<'_>) -> Result<(i64, i64, Scheduled)> {
    let entry = Scheduled {
        handler: HandlerName::new(row.get_ref(2)?.as_str()?),
        key: row.get(3)?,
        due: rows::wall(row, 4)?,
        cause: rows::event_id(row, 5)?,
        call: row.get(6)?,
        kind: row.get(7)?,
        subject: row.get(8)?,
        account: row.get(9)?,
        depth: row.get(10)?,
        payload: row.get::<_, Vec<u8>>(11)?.into(),
    };
    Ok((row.get(0)?, row.get(1)?, entry))
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
            |row| Ok(entry(row)?.2),
        )?
        .collect()
}
