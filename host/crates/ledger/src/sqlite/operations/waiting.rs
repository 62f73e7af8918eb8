//! Events that wait for their objects: the table `resolutions`.
//!
//! The deliveries of such an event are blocked (`deliveries.turn` is 2), also without an order key:
//! nobody is handed one, and a completion of one is refused.
//!
//! An event waits no longer once all its deliveries have ended, since nobody needs the answer. If
//! nothing was told about it before, the table `unasked` has it: a new run of it waits again.

use rusqlite::{OptionalExtension as _, Result, params};

use crate::sqlite::counters::Counter;
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;

/// Whether the event waits for its object.
pub(crate) fn waits(tx: &Transaction<'_>, event: i64) -> Result<bool> {
    tx.prepare("SELECT 1 FROM resolutions WHERE event = ?1")?
        .exists([event])
}

/// Lets the event wait for its object, unless it does already. Tells the sink.
pub(crate) fn begin(tx: &mut Transaction<'_>, event: i64, source: i64) -> Result<()> {
    let began = tx.execute(
        "INSERT INTO resolutions (event, source, since, due) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
        params![event, source, int(tx.now().wall), int(tx.now().steady)],
    )?;
    if began > 0 {
        tx.count(Counter::Resolving, 1);
        tx.for_sink.unresolved = true;
    }
    tx.execute("DELETE FROM unasked WHERE event = ?1", [event])?;
    Ok(())
}

/// Makes a waiting event due now. Tells the sink.
pub(crate) fn hasten(tx: &mut Transaction<'_>, event: i64) -> Result<()> {
    tx.execute(
        "UPDATE resolutions SET due = min(due, ?2) WHERE event = ?1",
        params![event, int(tx.now().steady)],
    )?;
    tx.for_sink.unresolved = true;
    Ok(())
}

/// Lets the event wait no longer if all its deliveries have ended. To be called after a delivery of
/// an event has ended that may wait.
pub(crate) fn end_if_unneeded(tx: &mut Transaction<'_>, event: i64) -> Result<()> {
    if !waits(tx, event)? || has_open_delivery(tx, event)? {
        return Ok(());
    }
    tx.execute("DELETE FROM resolutions WHERE event = ?1", [event])?;
    tx.count(Counter::Resolving, -1);
    tx.execute(
        "INSERT INTO unasked (event) SELECT ?1
         WHERE NOT EXISTS (SELECT 1 FROM resolved WHERE event = ?1)",
        [event],
    )?;
    Ok(())
}

/// Lets an event wait again whose object was never asked for because its deliveries had ended. To
/// be called before one of them runs anew.
pub(crate) fn ask_after_all(tx: &mut Transaction<'_>, event: i64) -> Result<()> {
    let source: Option<i64> = tx
        .prepare(
            "SELECT e.source FROM unasked u JOIN events e ON e.seq = u.event WHERE u.event = ?1",
        )?
        .query_row([event], |row| row.get(0))
        .optional()?;
    source.map_or(Ok(()), |source| begin(tx, event, source))
}

/// Whether a delivery of the event has not ended.
fn has_open_delivery(tx: &Transaction<'_>, event: i64) -> Result<bool> {
    tx.prepare(
        "SELECT 1 FROM events e CROSS JOIN deliveries d
             ON d.seq >= e.first_delivery AND d.seq < e.first_delivery + e.deliveries
         WHERE e.seq = ?1 AND d.event = ?1 AND d.state NOT IN ('done', 'ignored', 'dead')
         UNION ALL
         SELECT 1 FROM later_deliveries l CROSS JOIN deliveries d ON d.seq = l.delivery
         WHERE l.event = ?1 AND d.state NOT IN ('done', 'ignored', 'dead')",
    )?
    .exists([event])
}

/// Forgets that the event waits, and what was told about it. Its deliveries have ended.
pub(crate) fn forget(tx: &mut Transaction<'_>, event: i64) -> Result<u64> {
    let waited = tx.execute("DELETE FROM resolutions WHERE event = ?1", [event])?;
    tx.count(Counter::Resolving, -(waited as i64));
    let unasked = tx.execute("DELETE FROM unasked WHERE event = ?1", [event])?;
    let told = tx.execute("DELETE FROM resolved WHERE event = ?1", [event])?;
    Ok((waited + unasked + told) as u64)
}
