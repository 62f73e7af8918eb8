//! Events that wait for their objects: the table `resolutions`.
//!
//! The deliveries of such an event are blocked (`deliveries.turn` is 2), also without an order key:
//! nobody is handed one, and a completion of one is refused.

use rusqlite::{Result, params};

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
    Ok(())
}

/// Forgets that the event waits, and what was told about it. Its deliveries have ended.
pub(crate) fn forget(tx: &mut Transaction<'_>, event: i64) -> Result<u64> {
    let waited = tx.execute("DELETE FROM resolutions WHERE event = ?1", [event])?;
    tx.count(Counter::Resolving, -(waited as i64));
    let told = tx.execute("DELETE FROM resolved WHERE event = ?1", [event])?;
    Ok((waited + told) as u64)
}
