//! Events that wait for their objects: the table `resolutions`.
//!
//! The deliveries of such an event are blocked, also without an order key. An event waits no longer
//! once all its deliveries have ended, since nobody needs the answer. If nothing was told about it
//! before, the table `unasked` has it: a new run of it waits again.

use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{int, text};
use tollgate_base::event::SourceName;

/// Whether the event waits for its object.
pub(super) async fn waits(tx: &Tx, event: i64) -> Result<bool, Fault> {
    tx.exists("SELECT 1 FROM resolutions WHERE event = $1", &[&event])
        .await
}

/// Lets the event wait for its object, unless it does already. Tells the sink.
pub(super) async fn begin(tx: &mut Tx, event: i64, source: &SourceName) -> Result<(), Fault> {
    let began = tx
        .execute(
            "INSERT INTO resolutions (event, source, since, due) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            &[
                &event,
                &Text(source.as_str()),
                &int(tx.now.wall),
                &int(tx.now.steady),
            ],
        )
        .await?;
    if began > 0 {
        tx.count(Counter::Resolving, 1);
        tx.news.unresolved = true;
    }
    tx.execute("DELETE FROM unasked WHERE event = $1", &[&event])
        .await?;
    Ok(())
}

/// Makes a waiting event due now. Tells the sink.
pub(super) async fn hasten(tx: &mut Tx, event: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE resolutions SET due = least(due, $2) WHERE event = $1",
        &[&event, &int(tx.now.steady)],
    )
    .await?;
    tx.news.unresolved = true;
    Ok(())
}

/// Lets the event wait no longer if all its deliveries have ended. To be called after a delivery of
/// an event has ended that may wait.
pub(super) async fn end_if_unneeded(tx: &mut Tx, event: i64) -> Result<(), Fault> {
    if !waits(tx, event).await? || has_open_delivery(tx, event).await? {
        return Ok(());
    }
    tx.execute("DELETE FROM resolutions WHERE event = $1", &[&event])
        .await?;
    tx.count(Counter::Resolving, -1);
    tx.execute(
        "INSERT INTO unasked (event) SELECT $1::bigint
         WHERE NOT EXISTS (SELECT 1 FROM resolved WHERE event = $1)",
        &[&event],
    )
    .await?;
    Ok(())
}

/// Lets an event wait again whose object was never asked for because its deliveries had ended. To
/// be called before one of them runs anew.
pub(super) async fn ask_after_all(tx: &mut Tx, event: i64) -> Result<(), Fault> {
    let row = tx
        .first(
            "SELECT e.source FROM unasked u JOIN events e ON e.seq = u.event WHERE u.event = $1",
            &[&event],
        )
        .await?;
    match row {
        Some(row) => {
            let source = SourceName::new(&*text(&row, 0)?);
            begin(tx, event, &source).await
        }
        None => Ok(()),
    }
}

/// Whether a delivery of the event has not ended.
async fn has_open_delivery(tx: &Tx, event: i64) -> Result<bool, Fault> {
    tx.exists(
        "SELECT 1 FROM events e JOIN queue d ON d.id = ANY (e.deliveries)
         WHERE e.seq = $1 AND d.state NOT IN ('done', 'ignored', 'dead') LIMIT 1",
        &[&event],
    )
    .await
}

/// Forgets that the event waits, and what was told about it. Its deliveries have ended.
pub(crate) async fn forget(tx: &mut Tx, event: i64) -> Result<u64, Fault> {
    let waited = tx
        .execute("DELETE FROM resolutions WHERE event = $1", &[&event])
        .await?;
    tx.count(Counter::Resolving, -waited.cast_signed());
    let unasked = tx
        .execute("DELETE FROM unasked WHERE event = $1", &[&event])
        .await?;
    let told = tx
        .execute("DELETE FROM resolved WHERE event = $1", &[&event])
        .await?;
    Ok(waited + unasked + told)
}
