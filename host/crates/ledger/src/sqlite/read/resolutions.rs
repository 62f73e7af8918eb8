//! Events that wait for their objects.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::sqlite::rows::{self, EVENT_COLUMNS};
use crate::sqlite::values::int;
use crate::{Resolution, ResolutionId, WaitingResolutions};
use tollgate_base::event::SourceName;
use tollgate_base::time::{SteadyTime, WallTime};

/// At most so many waiting events of a source are counted, so that counting stays short.
const COUNTED: i64 = 10_000;

/// The resolutions that a claim found.
#[derive(Default)]
pub(crate) struct FoundResolutions {
    pub(crate) resolutions: Vec<Resolution>,
    /// Whether the limit left some out.
    pub(crate) more: bool,
    /// When the next one is due; not looked for where there is more.
    pub(crate) next: Option<SteadyTime>,
}

/// The first events of a source that are due and that nobody holds.
pub(crate) fn find(
    conn: &Connection,
    source: &SourceName,
    now: SteadyTime,
    limit: usize,
    is_free: &dyn Fn(ResolutionId) -> bool,
) -> Result<FoundResolutions> {
    let mut found = FoundResolutions::default();
    let mut ids = Vec::new();
    let mut index = conn.prepare_cached(
        "SELECT event, due FROM resolutions INDEXED BY resolutions_due
         WHERE source = (SELECT id FROM sources WHERE name = ?1) ORDER BY due, event",
    )?;
    let mut rows = index.query([source.as_str()])?;
    while let Some(row) = rows.next()? {
        let id = ResolutionId(row.get(0)?);
        if !is_free(id) {
            continue;
        }
        let due = rows::steady(row, 1)?;
        if due > now {
            found.next = Some(due);
            break;
        }
        if ids.len() == limit {
            found.more = true;
            break;
        }
        ids.push(id);
    }
    for id in ids {
        found.resolutions.extend(resolution(conn, id, now)?);
    }
    Ok(found)
}

/// A resolution with its event, if it is still due.
fn resolution(conn: &Connection, id: ResolutionId, now: SteadyTime) -> Result<Option<Resolution>> {
    conn.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS}, r.tries FROM resolutions r
         CROSS JOIN events e ON e.seq = r.event CROSS JOIN bodies b ON b.event = r.event
         CROSS JOIN sources s ON s.id = e.source WHERE r.event = ?1 AND r.due <= ?2"
    ))?
    .query_row(params![id.0, int(now)], |row| {
        Ok(Resolution {
            id,
            event: Arc::new(rows::event(row, 0)?),
            tries: row.get(12)?,
        })
    })
    .optional()
}

/// What waits, by source.
pub(crate) fn waiting(conn: &Connection) -> Result<Vec<WaitingResolutions>> {
    let mut sources = conn.prepare_cached(
        "SELECT s.id, s.name FROM sources s
         WHERE EXISTS (SELECT 1 FROM resolutions r WHERE r.source = s.id) ORDER BY s.name",
    )?;
    let found = sources.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    found.map(|found| of_source(conn, found?)).collect()
}

fn of_source(conn: &Connection, (number, name): (i64, String)) -> Result<WaitingResolutions> {
    let (waiting, to_mend, oldest) = conn
        .prepare_cached(
            "SELECT count(*), coalesce(sum(mend), 0), min(since) FROM
             (SELECT mend, since FROM resolutions WHERE source = ?1 ORDER BY due LIMIT ?2)",
        )?
        .query_row([number, COUNTED], |row| {
            let oldest = rows::maybe_wall(row, 2)?.unwrap_or(WallTime::EPOCH);
            Ok((rows::unsigned(row, 0)?, rows::unsigned(row, 1)?, oldest))
        })?;
    let last = conn
        .prepare_cached(
            "SELECT status, error FROM
             (SELECT * FROM resolutions WHERE source = ?1 ORDER BY due LIMIT ?2)
             WHERE error IS NOT NULL ORDER BY mend DESC, due DESC LIMIT 1",
        )?
        .query_row([number, COUNTED], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(WaitingResolutions {
        source: SourceName::new(name),
        waiting,
        to_mend,
        oldest,
        last,
    })
}
