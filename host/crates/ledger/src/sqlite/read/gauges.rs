//! Counts and the backlog, without reading all rows.

use rusqlite::{Connection, OptionalExtension, Result};

use crate::sqlite::counters::Counters;
use crate::sqlite::rows::{self, maybe_wall};
use crate::sqlite::values::int;
use crate::{Backlog, Counts, DeliveryState, OutboxState, Totals};
use tollgate_base::time::{Ahead, WallTime};

/// The number of everything in the ledger.
pub(crate) fn counts(conn: &Connection) -> Result<Counts> {
    Ok(Counts {
        oldest: oldest(conn)?,
        blocked: blocked(conn)?,
        ..Counters::load(conn)?.counts()
    })
}

/// Reads the first entry of each index for each handler, which is a few pages. A blocked
/// delivery is left out: it is as late as the head of its line, or waits only for the head's
/// retry. The statement turns due times (steady) into times of day (by `?2`), since it compares
/// them with the times at which events were received.
const OLDEST: &str = "
    SELECT min(since) FROM (
        SELECT (SELECT coalesce(d.since, e.received)
                FROM deliveries d INDEXED BY deliveries_pending
                CROSS JOIN events e ON e.seq = d.event
                WHERE d.state = 'pending' AND d.due IS NULL AND d.turn IS NOT 2
                  AND d.handler = h.id ORDER BY d.seq LIMIT 1) AS since
        FROM handlers h WHERE h.paused IS NULL
        UNION ALL
        SELECT (SELECT d.due - ?2 FROM deliveries d INDEXED BY deliveries_released
                WHERE d.state = 'pending' AND d.due IS NOT NULL AND d.handler = h.id
                  AND d.due <= ?1 + ?2 ORDER BY d.due, d.seq LIMIT 1)
        FROM handlers h WHERE h.paused IS NULL
        UNION ALL
        SELECT (SELECT d.due - ?2 FROM deliveries d INDEXED BY deliveries_retrying
                WHERE d.state = 'retrying' AND d.handler = h.id
                  AND d.due <= ?1 + ?2
                ORDER BY d.due, d.seq LIMIT 1)
        FROM handlers h WHERE h.paused IS NULL
        UNION ALL
        SELECT (SELECT r.due - ?2 FROM resolutions r INDEXED BY resolutions_due
                WHERE r.source = s.id AND r.due <= ?1 + ?2 ORDER BY r.due LIMIT 1)
        FROM sources s)";

/// The backlog at `now`. Due times are ahead of the time of day by `ahead`.
pub(crate) fn backlog(conn: &Connection, now: WallTime, ahead: Ahead) -> Result<Backlog> {
    let counts = Counters::load(conn)?.counts();
    let waits = |(state, _): &&(DeliveryState, u64)| {
        matches!(
            state,
            DeliveryState::Pending | DeliveryState::Running | DeliveryState::Retrying
        )
    };
    let requests = |(state, _): &&(OutboxState, u64)| *state == OutboxState::Waiting;
    let oldest = conn
        .prepare_cached(OLDEST)?
        .query_row([int(now), ahead.as_millis()], |row| maybe_wall(row, 0))?;
    Ok(Backlog {
        deliveries: counts.deliveries.iter().filter(waits).map(|(_, n)| n).sum(),
        requests: counts.outbox.iter().filter(requests).map(|(_, n)| n).sum(),
        oldest,
    })
}

/// The deliveries of handler `?1` that are to be tried again by `?2`, counted up to `?3`.
const RETRIES_DUE: &str = "
    SELECT count(*) FROM (SELECT 1 FROM deliveries INDEXED BY deliveries_retrying
    WHERE state = 'retrying' AND handler = ?1 AND due <= ?2 LIMIT ?3)";

/// The deliveries that are to be tried again by `due`, over all handlers counted up to
/// [`Totals::MAX_DUE`].
fn retries_due(conn: &Connection, due: i64) -> Result<u64> {
    let most = Totals::MAX_DUE.cast_signed();
    let mut found = 0;
    let mut count = conn.prepare_cached(RETRIES_DUE)?;
    let mut handlers = conn.prepare_cached("SELECT id FROM handlers")?;
    let mut handlers = handlers.query([])?;
    while found < most
        && let Some(row) = handlers.next()?
    {
        let of_handler = (row.get::<_, i64>(0)?, due, most - found);
        found += count.query_row(of_handler, |row| row.get::<_, i64>(0))?;
    }
    Ok(found.cast_unsigned())
}

/// The totals at `now`, without the file's length. Due times are ahead of the time of day by
/// `ahead`.
pub(crate) fn totals(conn: &Connection, now: WallTime, ahead: Ahead) -> Result<Totals> {
    let counts = Counters::load(conn)?.counts();
    let retrying = (DeliveryState::Retrying, 0);
    // Mostly nothing is to be tried again.
    let retries_due = match counts.deliveries.contains(&retrying) {
        true => 0,
        false => retries_due(conn, int(now) + ahead.as_millis())?,
    };
    let oldest_request = conn
        .prepare_cached(
            "SELECT coalesce(since, queued) FROM outbox INDEXED BY outbox_waiting
             WHERE state = 'waiting' ORDER BY seq LIMIT 1",
        )?
        .query_row([], |row| rows::wall(row, 0))
        .optional()?;
    Ok(Totals {
        counts,
        retries_due,
        oldest_request,
        bytes: 0,
    })
}

/// At most so many blocked deliveries are counted, so that counting stays short.
const BLOCKED: i64 = 100_000;

/// The number of pending deliveries that stand behind another of their order key. Those that wait
/// for the object of their event stand in the same index.
fn blocked(conn: &Connection) -> Result<u64> {
    let any_asks = conn
        .prepare_cached("SELECT 1 FROM resolutions LIMIT 1")?
        .exists([])?;
    // Mostly none waits, and then no row has to be looked at beside the index.
    let but_those = match any_asks {
        true => "AND NOT EXISTS (SELECT 1 FROM resolutions r WHERE r.event = d.event)",
        false => "",
    };
    conn.prepare_cached(&format!(
        "SELECT count(*) FROM (SELECT 1 FROM deliveries d INDEXED BY deliveries_behind
         WHERE state = 'pending' AND turn = 2 {but_those} LIMIT ?1)"
    ))?
    .query_row([BLOCKED], |row| row.get::<_, i64>(0))
    .map(i64::cast_unsigned)
}

/// When the oldest event that is not pruned was received; `None` if there is no event.
fn oldest(conn: &Connection) -> Result<Option<WallTime>> {
    conn.prepare_cached("SELECT received FROM events WHERE seq = (SELECT min(event) FROM bodies)")?
        .query_row([], |row| rows::wall(row, 0))
        .optional()
}
