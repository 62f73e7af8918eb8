//! Counts and the backlog, without reading all rows.

use crate::postgres::connection::Connection;
use crate::postgres::counters::Counters;
use crate::postgres::error::Fault;
use crate::postgres::values::{get, int, maybe_wall, unsigned};
use crate::{Backlog, Counts, DeliveryState, OutboxState, Totals};
use tollgate_base::time::{Ahead, WallTime};

/// The number of everything in the ledger.
pub(crate) async fn counts(conn: &Connection) -> Result<Counts, Fault> {
    let row = conn
        .first(
            "SELECT (SELECT received FROM events WHERE seq = (SELECT min(event) FROM bodies)),
                 (SELECT count(*) FROM (SELECT 1 FROM queue WHERE state = 'pending' AND turn = 2
                  AND NOT EXISTS (SELECT 1 FROM resolutions r WHERE r.event = queue.event)
                  LIMIT $1) AS blocked)",
            &[&BLOCKED],
        )
        .await?
        .ok_or_else(|| Fault::Value("no count".into()))?;
    Ok(Counts {
        oldest: maybe_wall(&row, 0)?,
        blocked: unsigned(&row, 1)?,
        ..Counters::load(conn).await?
    })
}

/// At most so many blocked deliveries are counted, so that counting stays short.
const BLOCKED: i64 = 100_000;

/// The oldest of what is late at the time of day `$1`: the first new delivery, the first one that
/// is due, and the first event that waits for its object. Due times are ahead of the time of day by
/// `$2`. A blocked delivery is left out: it is as late as the head of its line.
const OLDEST: &str = "SELECT min(since) FROM (
        SELECT (SELECT d.since FROM queue d WHERE d.state = 'pending' AND d.due IS NULL
                AND d.turn IS DISTINCT FROM 2 AND d.handler = h.name ORDER BY d.place LIMIT 1)
            AS since
        FROM handlers h WHERE h.paused IS NULL
        UNION ALL
        SELECT (SELECT d.due - $2 FROM queue d WHERE d.state = s.state AND d.due IS NOT NULL
                AND d.handler = h.name AND d.due <= $1 + $2 ORDER BY d.due LIMIT 1)
        FROM handlers h CROSS JOIN (VALUES ('pending'), ('retrying')) AS s (state)
        WHERE h.paused IS NULL
        UNION ALL
        SELECT min(due) - $2 FROM resolutions WHERE due <= $1 + $2) AS late";

/// The backlog at `now`. Due times are ahead of the time of day by `ahead`.
pub(crate) async fn backlog(
    conn: &Connection,
    now: WallTime,
    ahead: Ahead,
) -> Result<Backlog, Fault> {
    use DeliveryState::{Pending, Retrying, Running};
    let counts = Counters::load(conn).await?;
    let waits = |(state, _): &&(DeliveryState, u64)| matches!(state, Pending | Running | Retrying);
    let requests = |(state, _): &&(OutboxState, u64)| *state == OutboxState::Waiting;
    let row = conn.first(OLDEST, &[&int(now), &ahead.as_millis()]).await?;
    Ok(Backlog {
        deliveries: counts.deliveries.iter().filter(waits).map(|(_, n)| n).sum(),
        requests: counts.outbox.iter().filter(requests).map(|(_, n)| n).sum(),
        oldest: row.map_or(Ok(None), |row| maybe_wall(&row, 0))?,
    })
}

/// The totals at `now`. Due times are ahead of the time of day by `ahead`.
pub(crate) async fn totals(
    conn: &Connection,
    now: WallTime,
    ahead: Ahead,
) -> Result<Totals, Fault> {
    let counts = Counters::load(conn).await?;
    let row = conn
        .first(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM queue WHERE state = 'retrying'
                     AND due <= $1 LIMIT $2) AS due),
                 (SELECT coalesce(since, queued) FROM outbox WHERE state = 'waiting'
                  ORDER BY place LIMIT 1),
                 pg_database_size(current_database())",
            &[
                &(int(now) + ahead.as_millis()),
                &Totals::MAX_DUE.cast_signed(),
            ],
        )
        .await?
        .ok_or_else(|| Fault::Value("no totals".into()))?;
    Ok(Totals {
        counts,
        retries_due: get::<i64>(&row, 0)?.cast_unsigned(),
        oldest_request: maybe_wall(&row, 1)?,
        bytes: unsigned(&row, 2)?,
    })
}
