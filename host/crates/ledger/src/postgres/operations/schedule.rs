//! Writing a handler's schedule.

use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{get, int, maybe, uuid};
use crate::{Due, Inapplicable, NewScheduled, ScheduleWrite};
use tollgate_base::event::{EventId, HandlerName};
use tollgate_base::time::WallTime;

/// A write whose due time is known.
pub(super) struct ResolvedWrite<'a> {
    key: &'a str,
    /// The entry, its due time and the depth of its event; `None` cancels the entry.
    put: Option<(&'a NewScheduled, WallTime, u32)>,
}

/// Works out when each entry is due, or why the writes cannot be applied.
pub(super) async fn resolve<'a>(
    tx: &Tx,
    handler: &HandlerName,
    writes: &'a [(String, ScheduleWrite)],
) -> Result<Result<Vec<ResolvedWrite<'a>>, Inapplicable>, Fault> {
    let mut resolved = Vec::with_capacity(writes.len());
    for (key, write) in writes {
        let put = match write {
            ScheduleWrite::Cancel => None,
            ScheduleWrite::Put(new) => match new.resolve(tx.now.wall) {
                Some((due, depth)) => Some((new, due, depth)),
                None => return Ok(Err(Inapplicable::ScheduleTooFar)),
            },
        };
        resolved.push(ResolvedWrite { key, put });
    }
    Ok(match fits(tx, handler, &resolved).await? {
        true => Ok(resolved),
        false => Err(Inapplicable::ScheduleFull),
    })
}

/// Whether the handler would not have more entries than it may. Counts up to that many alone.
async fn fits(tx: &Tx, handler: &HandlerName, writes: &[ResolvedWrite<'_>]) -> Result<bool, Fault> {
    let puts = writes.iter().filter(|write| write.put.is_some()).count();
    if puts == 0 {
        return Ok(true);
    }
    let most = i64::from(tx.scheduled);
    let keys: Vec<_> = writes.iter().map(|write| Text(write.key)).collect();
    let row = tx
        .first(
            "SELECT (SELECT count(*) FROM
                 (SELECT 1 FROM schedule WHERE handler = $1 LIMIT $2) AS known),
                 (SELECT count(*) FROM schedule WHERE handler = $1 AND key = ANY ($3))",
            &[&Text(handler.as_str()), &most, &keys],
        )
        .await?
        .ok_or_else(|| Fault::Value("no count".into()))?;
    let (known, replaced): (i64, i64) = (get(&row, 0)?, get(&row, 1)?);
    Ok(known - replaced + int(puts) <= most)
}

/// Applies the writes. `cause` is the event whose handling asked for them.
pub(super) async fn apply(
    tx: &mut Tx,
    handler: &HandlerName,
    cause: EventId,
    writes: Vec<ResolvedWrite<'_>>,
) -> Result<(), Fault> {
    for ResolvedWrite { key, put } in writes {
        let replaced = tx
            .execute(
                "DELETE FROM schedule WHERE handler = $1 AND key = $2",
                &[&Text(handler.as_str()), &Text(key)],
            )
            .await?;
        let change = i64::from(put.is_some()) - replaced.cast_signed();
        tx.count(Counter::Scheduled, change);
        let Some((new, due, depth)) = put else {
            continue;
        };
        let steady = matches!(new.due, Due::After(_));
        let at = match steady {
            true => int(tx.now.ahead.steady(due)),
            false => int(due),
        };
        let seq = tx.numbers.number();
        tx.execute(
            "INSERT INTO schedule (seq, handler, key, due, call, cause, kind, subject, account,
                 depth, payload, steady)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            &[
                &seq,
                &Text(handler.as_str()),
                &Text(key),
                &at,
                &Text(&new.call),
                &uuid(cause),
                &Text(&new.kind),
                &maybe(new.subject.as_deref()),
                &maybe(new.account.as_deref()),
                &i64::from(depth),
                &&new.payload[..],
                &steady,
            ],
        )
        .await?;
        tx.news.add_scheduled(due);
    }
    Ok(())
}
