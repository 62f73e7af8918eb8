//! Events that wait for their objects.

use crate::WaitingResolutions;
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::values::{int, maybe_text, maybe_wall, status, text, unsigned};
use tollgate_base::event::SourceName;
use tollgate_base::time::WallTime;

/// At most so many waiting events of a source are counted, so that counting stays short.
const COUNTED: usize = 10_000;

/// What waits, by source.
pub(crate) async fn waiting(conn: &Connection) -> Result<Vec<WaitingResolutions>, Fault> {
    let rows = conn
        .query(
            "WITH RECURSIVE sources (source) AS (
                 (SELECT source FROM resolutions ORDER BY source LIMIT 1)
                 UNION ALL
                 SELECT (SELECT r.source FROM resolutions r
                         WHERE r.source > s.source
                         ORDER BY r.source LIMIT 1)
                 FROM sources s WHERE s.source IS NOT NULL)
             SELECT source FROM sources WHERE source IS NOT NULL",
            &[],
        )
        .await?;
    let mut waiting = Vec::with_capacity(rows.len());
    for row in &rows {
        waiting.extend(of_source(conn, SourceName::new(&*text(row, 0)?)).await?);
    }
    Ok(waiting)
}

async fn of_source(
    conn: &Connection,
    source: SourceName,
) -> Result<Option<WaitingResolutions>, Fault> {
    let row = conn
        .first(
            "SELECT count(*), count(*) FILTER (WHERE mend), min(since) FROM
             (SELECT mend, since FROM resolutions WHERE source = $1 ORDER BY due LIMIT $2) AS r",
            &[&Text(source.as_str()), &int(COUNTED)],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let last = conn
        .first(
            "SELECT status, error FROM
             (SELECT * FROM resolutions WHERE source = $1 ORDER BY due LIMIT $2) AS r
             WHERE error IS NOT NULL ORDER BY mend DESC, due DESC LIMIT 1",
            &[&Text(source.as_str()), &int(COUNTED)],
        )
        .await?;
    let last = last.map(|row| Ok::<_, Fault>((status(&row, 0)?, maybe_text(&row, 1)?)));
    let last = last.transpose()?;
    Ok(Some(WaitingResolutions {
        source,
        waiting: unsigned(&row, 0)?,
        to_mend: unsigned(&row, 1)?,
        oldest: maybe_wall(&row, 2)?.unwrap_or(WallTime::EPOCH),
        last: last.map(|(status, error)| (status, error.unwrap_or_default())),
    }))
}
