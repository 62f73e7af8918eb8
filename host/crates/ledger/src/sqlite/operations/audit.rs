//! The record of operators' actions: the table `interventions`.

use rusqlite::{OptionalExtension, Result, params};

use crate::Intervention;
use crate::sqlite::values::{int, non_empty};
use crate::sqlite::write::Transaction;

/// Who did what no operator asked for.
const OWN: &str = "tollgate";

/// One entry: an action on a delivery, or on a request or schedule that the delivery made.
pub(crate) struct Entry<'a> {
    pub(crate) delivery: i64,
    /// The delivery's run, afterwards.
    pub(crate) run: u32,
    pub(crate) action: &'a str,
    pub(crate) about: About<'a>,
}

/// The subject of an action.
#[derive(Clone, Copy)]
pub(crate) enum About<'a> {
    /// The delivery itself.
    Delivery,
    /// The request of this number, which the delivery queued.
    Request(i64),
    /// The event that the delivery scheduled under this key.
    Scheduled(&'a str),
}

/// Writes an entry with the operator's name and reason.
pub(crate) fn write(tx: &Transaction<'_>, by: &Intervention, entry: &Entry<'_>) -> Result<()> {
    write_because(tx, by, entry, &by.why)
}

/// Writes an entry with the operator's name and another reason.
pub(crate) fn write_because(
    tx: &Transaction<'_>,
    by: &Intervention,
    entry: &Entry<'_>,
    why: &str,
) -> Result<()> {
    insert(tx, entry, (&by.who, why, by.batch.as_deref()))
}

/// Writes an entry for what the ledger did by itself.
pub(crate) fn write_own(tx: &Transaction<'_>, entry: &Entry<'_>, why: &str) -> Result<()> {
    insert(tx, entry, (OWN, why, None))
}

fn insert(
    tx: &Transaction<'_>,
    entry: &Entry<'_>,
    (who, why, batch): (&str, &str, Option<&str>),
) -> Result<()> {
    let (request, scheduled) = match entry.about {
        About::Delivery => (None, None),
        About::Request(seq) => (Some(seq), None),
        About::Scheduled(key) => (None, Some(key)),
    };
    tx.execute(
        "INSERT INTO interventions (delivery, number, at, action, run, who, why, batch,
             request, scheduled)
         VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM interventions
                      WHERE delivery = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            entry.delivery,
            int(tx.now().wall),
            entry.action,
            entry.run,
            who,
            non_empty(why),
            batch,
            request,
            scheduled,
        ],
    )?;
    Ok(())
}

/// Whether the delivery was last changed by the same call of the API.
pub(crate) fn was_last_changed_by(
    tx: &Transaction<'_>,
    delivery: i64,
    by: &Intervention,
) -> Result<bool> {
    let Some(wanted) = &by.batch else {
        return Ok(false);
    };
    let last: Option<Option<String>> = tx
        .prepare(
            "SELECT batch FROM interventions
             WHERE delivery = ?1 AND request IS NULL AND scheduled IS NULL
             ORDER BY number DESC LIMIT 1",
        )?
        .query_row([delivery], |row| row.get(0))
        .optional()?;
    Ok(last.flatten().as_ref() == Some(wanted))
}
