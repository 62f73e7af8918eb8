//! The record of operators' actions: the table `interventions`.

use crate::Intervention;
use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{int, maybe, maybe_text, non_empty};

/// Who did what no operator asked for.
const OWN: &str = "tollgate";

/// One entry: an action on a delivery, or on a request or schedule that the delivery made.
pub(super) struct Entry<'a> {
    pub(super) delivery: i64,
    /// The delivery's run, afterwards.
    pub(super) run: u32,
    pub(super) action: &'a str,
    pub(super) about: About<'a>,
}

/// The subject of an action.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    /// The delivery itself.
    Delivery,
    /// The request of this id, which the delivery queued.
    Request(i64),
    /// The event that the delivery scheduled under this key.
    Scheduled(&'a str),
}

/// Writes an entry with the operator's name and reason.
pub(super) async fn write(tx: &Tx, by: &Intervention, entry: &Entry<'_>) -> Result<(), Fault> {
    write_because(tx, by, entry, &by.why).await
}

/// Writes an entry with the operator's name and another reason.
pub(super) async fn write_because(
    tx: &Tx,
    by: &Intervention,
    entry: &Entry<'_>,
    why: &str,
) -> Result<(), Fault> {
    insert(tx, entry, (&by.who, why, by.batch.as_deref())).await
}

/// Writes an entry for what the ledger did by itself.
pub(super) async fn write_own(tx: &Tx, entry: &Entry<'_>, why: &str) -> Result<(), Fault> {
    insert(tx, entry, (OWN, why, None)).await
}

async fn insert(
    tx: &Tx,
    entry: &Entry<'_>,
    (who, why, batch): (&str, &str, Option<&str>),
) -> Result<(), Fault> {
    let (request, scheduled) = match entry.about {
        About::Delivery => (None, None),
        About::Request(id) => (Some(id), None),
        About::Scheduled(key) => (None, Some(key)),
    };
    tx.execute(
        "INSERT INTO interventions (delivery, number, at, action, run, who, why, batch, request,
             scheduled)
         VALUES ($1, (SELECT coalesce(max(number), 0) + 1 FROM interventions
                      WHERE delivery = $1), $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            &entry.delivery,
            &int(tx.now.wall),
            &entry.action,
            &i64::from(entry.run),
            &Text(who),
            &non_empty(why),
            &maybe(batch),
            &request,
            &maybe(scheduled),
        ],
    )
    .await?;
    Ok(())
}

/// Whether the delivery was last changed by the same call of the API.
pub(super) async fn was_last_changed_by(
    tx: &Tx,
    delivery: i64,
    by: &Intervention,
) -> Result<bool, Fault> {
    let Some(wanted) = &by.batch else {
        return Ok(false);
    };
    let row = tx
        .first(
            "SELECT batch FROM interventions
             WHERE delivery = $1 AND request IS NULL AND scheduled IS NULL
             ORDER BY number DESC LIMIT 1",
            &[&delivery],
        )
        .await?;
    let last = row.map(|row| maybe_text(&row, 0)).transpose()?.flatten();
    Ok(last.as_ref() == Some(wanted))
}
