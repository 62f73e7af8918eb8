//! What waits, read without reading all of it.

use rusqlite::{Connection, Result};

use super::batch::int;
use super::rows::maybe_wall;
use super::tally::Tally;
use crate::{Backlog, DeliveryState, OutboxState};
use tollgate_base::time::{Ahead, WallTime};

/// The first entry of each index for each handler: a few pages each. What waits behind
/// another of its key is as late as that one, or waits for no more than its retry. The statement
/// turns due times (steady) into times of day (by `?2`), since it compares them with the times at
/// which events were received.
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
        FROM handlers h WHERE h.paused IS NULL)";

/// What waits at `now`, a time of day that due times are `ahead` of.
pub(super) fn read(conn: &Connection, now: WallTime, ahead: Ahead) -> Result<Backlog> {
    let counts = Tally::load(conn)?.counts();
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
