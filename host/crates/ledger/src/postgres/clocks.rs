//! One moment by all clocks, from which the next gateway goes on: the table `kept_time`.
//!
//! Due times go by a steady clock. Gateways on one machine tell how much time has passed by the
//! machine's uptime, others by the database's clock.

use std::time::Duration;

use super::connection::Connection;
use super::error::Fault;
use super::gateway;
use super::numbers::Me;
use super::values::{get, int, steady, unsigned, wall};
use tollgate_base::time::{ClockReading, SteadyClock};

/// Lets the steady clock go on from where the other gateways are or the last one was, if anything
/// is due by that clock. Otherwise the clock begins anew at the time of day. Writes the present
/// moment down.
pub(crate) async fn resume(conn: &Connection, me: Me, clock: &SteadyClock) -> Result<(), Fault> {
    let goes_on = something_is_due(conn).await? || gateway::has_others(conn, me).await?;
    if goes_on && let Some(mark) = read(conn, clock).await? {
        clock.resume(&mark);
    }
    keep(conn, &clock.reading()).await
}

/// Writes a moment down.
pub(crate) async fn keep(conn: &Connection, mark: &ClockReading) -> Result<(), Fault> {
    let uptime = u64::try_from(mark.uptime.as_millis()).unwrap_or(u64::MAX);
    conn.execute(
        "INSERT INTO kept_time (id, steady, wall, uptime, boot, at)
         VALUES (1, $1, $2, $3, $4, clock_timestamp())
         ON CONFLICT (id) DO UPDATE SET steady = excluded.steady, wall = excluded.wall,
             uptime = excluded.uptime, boot = excluded.boot, at = excluded.at",
        &[&int(mark.steady), &int(mark.wall), &int(uptime), &mark.boot],
    )
    .await?;
    Ok(())
}

/// The moment from which the clock of this machine can go on.
async fn read(conn: &Connection, clock: &SteadyClock) -> Result<Option<ClockReading>, Fault> {
    let row = conn
        .first(
            "SELECT steady, wall, uptime, boot,
                 (extract(epoch FROM clock_timestamp() - at) * 1000)::bigint FROM kept_time",
            &[],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mark = ClockReading {
        steady: steady(&row, 0)?,
        wall: wall(&row, 1)?,
        uptime: Duration::from_millis(unsigned(&row, 2)?),
        boot: get(&row, 3)?,
    };
    let here = clock.reading();
    if !mark.boot.is_empty() && mark.boot == here.boot {
        return Ok(Some(mark));
    }
    let passed = Duration::from_millis(unsigned(&row, 4)?);
    Ok(Some(ClockReading {
        steady: mark.steady + passed,
        ..here
    }))
}

async fn something_is_due(conn: &Connection) -> Result<bool, Fault> {
    conn.exists(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM queue WHERE due IS NOT NULL)
         OR EXISTS (SELECT 1 FROM outbox WHERE state = 'waiting')
         OR EXISTS (SELECT 1 FROM schedule WHERE steady)
         OR EXISTS (SELECT 1 FROM resolutions)",
        &[],
    )
    .await
}
