//! Reading handlers' schedules.

use tokio_postgres::Row;

use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::values::{
    event_id, get as value, handler, int, maybe_text, maybe_wall, small, text, uuid, wall,
};
use crate::{DueEntries, DueEntry, EntryVersion, Scheduled};
use tollgate_base::event::{EventId, HandlerName};
use tollgate_base::time::{Ahead, WallTime};

/// The most entries of one reading, so that nobody waits long for the commit that fires them when
/// many entries fall due at once.
const STEP: usize = 200;

/// The most bytes of payload of one reading; one entry may have more.
const STEP_BYTES: usize = 1 << 20;

/// The columns of [`entry`], without the due time, from `schedule c`.
const COLUMNS: &str = "c.seq, c.handler, c.key, c.cause, c.call, c.kind, c.subject, c.account,
    c.depth, c.payload";

/// The first `$1` entries in the order in which they are due, up to the time of day `$3`, of the
/// handler `$4` or of all. `$2` is how far due times are ahead of the time of day.
const FIRST: &str = "SELECT * FROM (
        SELECT seq, due AS at FROM schedule
        WHERE NOT steady AND due <= $3 AND ($4::text IS NULL OR handler = $4)
        ORDER BY due, seq LIMIT $1) AS by_day
    UNION ALL SELECT * FROM (
        SELECT seq, due - $2 FROM schedule
        WHERE steady AND due <= $3 + $2 AND ($4::text IS NULL OR handler = $4)
        ORDER BY due, seq LIMIT $1) AS by_steady
    ORDER BY 2, 1 LIMIT $1";

fn entry(row: &Row) -> Result<Scheduled, Fault> {
    Ok(Scheduled {
        handler: handler(row, 1)?,
        key: text(row, 2)?,
        due: wall(row, 10)?,
        cause: event_id(row, 3)?,
        call: text(row, 4)?,
        kind: text(row, 5)?,
        subject: maybe_text(row, 6)?,
        account: maybe_text(row, 7)?,
        depth: small(row, 8)?,
        payload: value::<Vec<u8>>(row, 9)?.into(),
    })
}

async fn first(
    conn: &Connection,
    of: Option<&HandlerName>,
    (limit, up_to): (usize, i64),
    ahead: Ahead,
) -> Result<Vec<Row>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS}, f.at FROM ({FIRST}) AS f JOIN schedule c ON c.seq = f.seq
         ORDER BY f.at, f.seq"
    );
    let of = of.map(|of| Text(of.as_str()));
    conn.query(&sql, &[&int(limit), &ahead.as_millis(), &up_to, &of])
        .await
}

/// The entries of one handler or of all, in the order in which they are due.
pub(crate) async fn list(
    conn: &Connection,
    handler: Option<&HandlerName>,
    limit: usize,
    ahead: Ahead,
) -> Result<Vec<Scheduled>, Fault> {
    let rows = first(conn, handler, (limit, i64::MAX / 2), ahead).await?;
    rows.iter().map(entry).collect()
}

/// The entries that the handling of an event put and that are not recorded yet.
pub(crate) async fn of_cause(
    conn: &Connection,
    cause: EventId,
    limit: usize,
    ahead: Ahead,
) -> Result<Vec<Scheduled>, Fault> {
    let rows = conn
        .query(
            &format!(
                "SELECT {COLUMNS}, CASE WHEN c.steady THEN c.due - $2 ELSE c.due END
                 FROM schedule c WHERE c.cause = $1 ORDER BY c.seq LIMIT $3"
            ),
            &[&uuid(cause), &ahead.as_millis(), &int(limit)],
        )
        .await?;
    rows.iter().map(entry).collect()
}

/// The first entries that are due at `now`. The version of an entry is its number.
pub(crate) async fn due(
    conn: &Connection,
    now: WallTime,
    ahead: Ahead,
) -> Result<DueEntries, Fault> {
    let rows = first(conn, None, (STEP + 1, int(now)), ahead).await?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    for row in &rows {
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
            version: EntryVersion(value(row, 0)?),
        });
    }
    Ok(DueEntries {
        entries: found,
        next: next_after(conn, now, ahead).await?,
    })
}

/// When the next entry is due that is not due at `now`.
async fn next_after(
    conn: &Connection,
    now: WallTime,
    ahead: Ahead,
) -> Result<Option<WallTime>, Fault> {
    let row = conn
        .first(
            "SELECT least((SELECT min(due) FROM schedule WHERE NOT steady AND due > $1),
                 (SELECT min(due) FROM schedule WHERE steady AND due > $1 + $2) - $2)",
            &[&int(now), &ahead.as_millis()],
        )
        .await?;
    row.map_or(Ok(None), |row| maybe_wall(&row, 0))
}

/// The entry of this number.
pub(crate) async fn get(
    conn: &Connection,
    seq: i64,
    ahead: Ahead,
) -> Result<Option<Scheduled>, Fault> {
    let row = conn
        .first(
            &format!(
                "SELECT {COLUMNS}, CASE WHEN c.steady THEN c.due - $2 ELSE c.due END
                 FROM schedule c WHERE c.seq = $1"
            ),
            &[&seq, &ahead.as_millis()],
        )
        .await?;
    row.map(|row| entry(&row)).transpose()
}
