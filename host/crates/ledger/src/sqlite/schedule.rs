//! Handlers' schedules: writing them, and recording what is due.

use rusqlite::{OptionalExtension, Result, Row, params};

use super::batch::{Batch, int};
use super::intervene::{self, About};
use super::op::{FireRequest, Prepared};
use super::tally::Counter;
use super::{record, rows};
use crate::{
    Due, Fired, Inapplicable, Intervened, Intervention, NewScheduled, ScheduleWrite, Scheduled,
};
use tollgate_base::event::{EventId, HandlerName};
use tollgate_base::time::WallTime;

/// How many entries one transaction makes events of, so that a great many that fall due at
/// once hold up nobody; and how many bytes, of which one entry may be more.
const FIRE_STEP: usize = 200;
const FIRE_BYTES: usize = 1 << 20;

/// A put whose time is known.
pub(super) struct Resolved<'a> {
    key: &'a str,
    /// What is put, when it is due and how deep its event is; `None` for a cancellation.
    put: Option<(&'a NewScheduled, WallTime, u32)>,
}

/// Works out what each write comes to, or why they cannot be applied.
pub(super) fn resolve<'a>(
    batch: &mut Batch<'_>,
    handler: i64,
    writes: &'a [(String, ScheduleWrite)],
) -> Result<std::result::Result<Vec<Resolved<'a>>, Inapplicable>> {
    let mut resolved = Vec::with_capacity(writes.len());
    for (key, write) in writes {
        let put = match write {
            ScheduleWrite::Cancel => None,
            ScheduleWrite::Put(new) => match new.resolve(batch.at.wall) {
                Some((due, depth)) => Some((new, due, depth)),
                None => return Ok(Err(Inapplicable::ScheduleTooFar)),
            },
        };
        resolved.push(Resolved { key, put });
    }
    Ok(if fits(batch, handler, &resolved)? {
        Ok(resolved)
    } else {
        Err(Inapplicable::ScheduleFull)
    })
}

/// Whether the handler has no more entries afterwards than it may.
fn fits(batch: &mut Batch<'_>, handler: i64, writes: &[Resolved<'_>]) -> Result<bool> {
    let puts = writes.iter().filter(|write| write.put.is_some()).count() as i64;
    if puts == 0 {
        return Ok(true);
    }
    let room = batch.max_scheduled - batch.scheduled(handler)?;
    if puts <= room {
        return Ok(true);
    }
    let mut growth = 0;
    for write in writes {
        let known = batch
            .conn
            .prepare_cached("SELECT 1 FROM schedule WHERE handler = ?1 AND key = ?2")?
            .exists(params![handler, write.key])?;
        growth += i64::from(write.put.is_some()) - i64::from(known);
    }
    Ok(growth <= room)
}

/// Writes the entries; `cause` is the event whose handling put them.
pub(super) fn apply(
    batch: &mut Batch<'_>,
    handler: i64,
    cause: EventId,
    writes: Vec<Resolved<'_>>,
) -> Result<()> {
    for Resolved { key, put } in writes {
        let replaced = batch
            .conn
            .prepare_cached("DELETE FROM schedule WHERE handler = ?1 AND key = ?2")?
            .execute(params![handler, key])? as i64;
        count(batch, handler, i64::from(put.is_some()) - replaced);
        let Some((new, due, depth)) = put else {
            continue;
        };
        let steady = matches!(new.due, Due::After(_));
        batch
            .conn
            .prepare_cached(
                "INSERT INTO schedule (handler, key, due, call, cause, kind, subject, account,
                     depth, payload, steady)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                handler,
                key,
                if steady {
                    int(batch.at.ahead.steady(due))
                } else {
                    int(due)
                },
                new.call,
                cause.as_bytes(),
                new.kind,
                new.subject,
                new.account,
                depth,
                &new.payload[..],
                steady,
            ])?;
        let earliest = batch.made.scheduled.get_or_insert(due);
        *earliest = due.min(*earliest);
    }
    Ok(())
}

fn count(batch: &mut Batch<'_>, handler: i64, by: i64) {
    batch.scheduled_changed(handler, by);
    batch.tally.add(Counter::Scheduled, by);
}

/// Makes events of a bounded number of entries that are due at `now`, earliest first.
pub(super) fn fire(batch: &mut Batch<'_>, request: &FireRequest) -> Result<Fired> {
    let FireRequest { now, address } = request;
    let now = *now;
    let mut fired = Fired::default();
    for (seq, handler, entry) in due(batch, now)? {
        batch
            .conn
            .prepare_cached("DELETE FROM schedule WHERE seq = ?1")?
            .execute([seq])?;
        count(batch, handler, -1);
        let event = Prepared::from(entry.into_event(now, address));
        // One that is known was scheduled by an earlier run with the same keys.
        fired.events += u64::from(record::insert(batch, &event)?.is_some());
    }
    fired.next = batch
        .conn
        .prepare_cached(
            "SELECT min(due) FROM (SELECT min(due) AS due FROM schedule WHERE steady = 0
                 UNION ALL SELECT min(due) - ?1 FROM schedule WHERE steady = 1)",
        )?
        .query_row([batch.at.ahead.as_millis()], |row| rows::maybe_wall(row, 0))?;
    Ok(fired)
}

/// Makes what is scheduled under a key due now.
pub(super) fn run_now(
    batch: &mut Batch<'_>,
    by: &Intervention,
    handler: &HandlerName,
    key: &str,
) -> Result<Intervened> {
    let now = (int(batch.at.steady), int(batch.at.wall));
    let found = batch
        .conn
        .prepare_cached(
            "UPDATE schedule SET due = CASE steady WHEN 1 THEN ?3 ELSE ?4 END
             WHERE handler = (SELECT id FROM handlers WHERE name = ?1) AND key = ?2
             RETURNING handler, cause",
        )?
        .query_row(params![handler.as_str(), key, now.0, now.1], owner)
        .optional()?;
    let Some((handler, cause)) = found else {
        return Ok(Intervened::Missing);
    };
    batch.made.scheduled = Some(batch.at.wall);
    note(batch, by, (handler, key), cause, "run")?;
    Ok(Intervened::Done)
}

/// Takes what is scheduled under a key away.
pub(super) fn cancel(
    batch: &mut Batch<'_>,
    by: &Intervention,
    handler: &HandlerName,
    key: &str,
) -> Result<Intervened> {
    let found = batch
        .conn
        .prepare_cached(
            "DELETE FROM schedule
             WHERE handler = (SELECT id FROM handlers WHERE name = ?1) AND key = ?2
             RETURNING handler, cause",
        )?
        .query_row(params![handler.as_str(), key], owner)
        .optional()?;
    let Some((handler, cause)) = found else {
        return Ok(Intervened::Missing);
    };
    count(batch, handler, -1);
    note(batch, by, (handler, key), cause, "cancel")?;
    Ok(Intervened::Done)
}

/// The handler of an entry, and the event whose handling put it.
fn owner(row: &Row<'_>) -> Result<(i64, EventId)> {
    Ok((row.get(0)?, rows::event_id(row, 1)?))
}

/// Writes what was done down with the delivery that scheduled it, if that is still there.
fn note(
    batch: &Batch<'_>,
    by: &Intervention,
    (handler, key): (i64, &str),
    cause: EventId,
    action: &str,
) -> Result<()> {
    let found: Option<(i64, u32)> = batch
        .conn
        .prepare_cached(
            "SELECT d.seq, d.run FROM events e CROSS JOIN deliveries d
                 ON d.seq >= e.first_delivery AND d.seq < e.first_delivery + e.deliveries
             WHERE e.id = ?1 AND d.handler = ?2
             UNION ALL
             SELECT d.seq, d.run FROM events e CROSS JOIN later_deliveries l ON l.event = e.seq
             CROSS JOIN deliveries d ON d.seq = l.delivery
             WHERE e.id = ?1 AND d.handler = ?2",
        )?
        .query_row(params![cause.as_bytes(), handler], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    match found {
        Some((delivery, run)) => {
            let about = About::Scheduled(key);
            intervene::note_of(batch, delivery, run, about, action, by, &by.why)
        }
        None => Ok(()),
    }
}

/// Selects what [`entry`] reads of the first `?1` entries of the handlers that `of` says
/// (`?3`), in the order in which they are due. They are due by `?4` at the latest; due
/// times that are no times of day are `?2` ahead of it.
pub(super) fn select(of: &str) -> String {
    // Each by its own index: there may be a million of them.
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

/// An entry with its place and its handler's number.
pub(super) fn entry(row: &Row<'_>) -> Result<(i64, i64, Scheduled)> {
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

fn due(batch: &Batch<'_>, now: WallTime) -> Result<Vec<(i64, i64, Scheduled)>> {
    let mut statement = batch.conn.prepare_cached(&select("AND ?3 IS NULL"))?;
    let of: Option<i64> = None;
    let mut rows = statement.query(params![
        FIRE_STEP as i64,
        batch.at.ahead.as_millis(),
        of,
        int(now)
    ])?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while bytes < FIRE_BYTES
        && let Some(row) = rows.next()?
    {
        let entry = entry(row)?;
        bytes += entry.2.payload.len();
        found.push(entry);
    }
    Ok(found)
}
