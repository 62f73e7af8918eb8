//! Writing a handler's schedule.

use rusqlite::{Result, params};

use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{Due, Inapplicable, NewScheduled, ScheduleWrite};
use tollgate_base::event::EventId;
use tollgate_base::time::WallTime;

/// A write whose due time is known.
pub(crate) struct ResolvedWrite<'a> {
    key: &'a str,
    /// The entry, its due time and the depth of its event; `None` cancels the entry.
    put: Option<(&'a NewScheduled, WallTime, u32)>,
}

/// Works out when each entry is due, or why the writes cannot be applied.
pub(crate) fn resolve<'a>(
    tx: &mut Transaction<'_>,
    handler: i64,
    writes: &'a [(String, ScheduleWrite)],
) -> Result<std::result::Result<Vec<ResolvedWrite<'a>>, Inapplicable>> {
    let mut resolved = Vec::with_capacity(writes.len());
    for (key, write) in writes {
        let put = match write {
            ScheduleWrite::Cancel => None,
            ScheduleWrite::Put(new) => match new.resolve(tx.now().wall) {
                Some((due, depth)) => Some((new, due, depth)),
                None => return Ok(Err(Inapplicable::ScheduleTooFar)),
            },
        };
        resolved.push(ResolvedWrite { key, put });
    }
    Ok(if fits(tx, handler, &resolved)? {
        Ok(resolved)
    } else {
        Err(Inapplicable::ScheduleFull)
    })
}

/// Whether the handler would not have more entries than it may.
fn fits(tx: &mut Transaction<'_>, handler: i64, writes: &[ResolvedWrite<'_>]) -> Result<bool> {
    let puts = writes.iter().filter(|write| write.put.is_some()).count() as i64;
    if puts == 0 {
        return Ok(true);
    }
    let room = tx.schedule_room(handler)?;
    if puts <= room {
        return Ok(true);
    }
    let mut growth = 0;
    for write in writes {
        let known = tx
            .prepare("SELECT 1 FROM schedule WHERE handler = ?1 AND key = ?2")?
            .exists(params![handler, write.key])?;
        growth += i64::from(write.put.is_some()) - i64::from(known);
    }
    Ok(growth <= room)
}

/// Applies the writes. `cause` is the event whose handling asked for them.
pub(crate) fn apply(
    tx: &mut Transaction<'_>,
    handler: i64,
    cause: EventId,
    writes: Vec<ResolvedWrite<'_>>,
) -> Result<()> {
    for ResolvedWrite { key, put } in writes {
        let replaced = tx.execute(
            "DELETE FROM schedule WHERE handler = ?1 AND key = ?2",
            params![handler, key],
        )? as i64;
        tx.count_scheduled(handler, i64::from(put.is_some()) - replaced);
        let Some((new, due, depth)) = put else {
            continue;
        };
        let steady = matches!(new.due, Due::After(_));
        tx.execute(
            "INSERT INTO schedule (handler, key, due, call, cause, kind, subject, account,
                 depth, payload, steady)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                handler,
                key,
                if steady {
                    int(tx.now().ahead.steady(due))
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
            ],
        )?;
        tx.for_sink.add_scheduled(due);
    }
    Ok(())
}
