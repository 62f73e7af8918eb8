//! One moment by both clocks, from which the next process goes on: the table `kept_time`.
//!
//! The writer writes the moment down at the start and at the end, and whenever the time of day
//! has been set: with the next commit, or within a second if nothing else is written.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows::{steady, unsigned, wall};
use super::values::int;
use tollgate_base::time::{Ahead, ClockReading, SteadyClock};

/// The SQL expression for how far due times are ahead of the time of day. A query that uses it
/// turns due times into times of day itself, so that both are of one moment.
pub(crate) const AHEAD: &str = "coalesce((SELECT steady - wall FROM kept_time), 0)";

/// How far due times are ahead of the time of day.
pub(crate) fn ahead(conn: &Connection) -> Result<Ahead> {
    conn.prepare_cached(&format!("SELECT {AHEAD}"))?
        .query_row([], |row| row.get(0).map(Ahead::from_millis))
}

/// Lets the steady clock go on from where the last process left it, if anything is due by that
/// clock. Otherwise the clock begins anew at the time of day. Writes the present moment down.
pub(crate) fn resume(conn: &Connection, clock: &SteadyClock) -> Result<()> {
    if let Some(mark) = read(conn)?
        && something_is_due(conn)?
    {
        clock.resume(&mark);
    }
    keep(conn, &clock.reading())
}

/// Writes a moment down.
pub(crate) fn keep(conn: &Connection, mark: &ClockReading) -> Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO kept_time (id, steady, wall, uptime, boot)
         VALUES (1, ?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        int(mark.steady),
        int(mark.wall),
        int(mark.uptime),
        mark.boot
    ])
    .map(drop)
}

fn read(conn: &Connection) -> Result<Option<ClockReading>> {
    conn.query_row(
        "SELECT steady, wall, uptime, boot FROM kept_time",
        [],
        |row| {
            Ok(ClockReading {
                steady: steady(row, 0)?,
                wall: wall(row, 1)?,
                uptime: Duration::from_millis(unsigned(row, 2)?),
                boot: row.get(3)?,
            })
        },
    )
    .optional()
}

fn something_is_due(conn: &Connection) -> Result<bool> {
    conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'retrying')
         OR EXISTS (SELECT 1 FROM deliveries WHERE state = 'pending' AND due IS NOT NULL)
         OR EXISTS (SELECT 1 FROM outbox WHERE state = 'waiting')
         OR EXISTS (SELECT 1 FROM schedule WHERE steady = 1)
         OR EXISTS (SELECT 1 FROM resolutions)",
        [],
        |row| row.get(0),
    )
}
