//! Snapshot events that take the place of the thin events that name them.
//!
//! A thin event and its twin, a snapshot event, are one fact: whichever comes first counts. That
//! holds only if the first one tells handlers the fact. A thin event whose object is gone at the
//! provider does not, and one that still waits for its object may never.

use rusqlite::{OptionalExtension as _, Result, params};

use super::delivery_row::replace_unrun;
use crate::engine::PreparedEvent;
use crate::sqlite::read::records::deliveries_of;
use crate::sqlite::write::Transaction;
use crate::{DeliveryBrief, DeliveryId, EventForm};
use tollgate_base::event::EventId;

/// A thin event that its twin finds on record.
struct Thin {
    seq: i64,
    first_delivery: Option<i64>,
    deliveries: i64,
    /// Whether the event waits for its object and nothing was told about it before.
    waits: bool,
    /// Whether the provider's API told something about the event, but neither its object nor its
    /// fields.
    came_to_nothing: bool,
}

/// If `new` is the snapshot event of a thin event without an object, gives the key that both share
/// to `new`. The deliveries of the thin event that wait end, for the handlers that `new` goes to.
pub(crate) fn take_place(tx: &mut Transaction<'_>, new: &PreparedEvent) -> Result<()> {
    let EventForm::Snapshot(key) = new.form else {
        return Ok(());
    };
    if new.handlers.is_empty() || tx.event_of_key(&new.dedup.0)?.is_some() {
        return Ok(());
    }
    let Some(thin) = find(tx, &key.0)? else {
        return Ok(());
    };
    let has_run = thin.waits && has_run(tx, &thin)?;
    if has_run || !(thin.waits || thin.came_to_nothing) {
        return Ok(());
    }
    tx.remove_key(key.0, thin.seq)?;
    tx.execute(
        "DELETE FROM dedup_also WHERE event = ?1 AND key = ?2",
        params![thin.seq, key.0],
    )?;
    match thin.waits {
        true => replace_waiting(tx, &thin, new),
        false => Ok(()),
    }
}

fn find(tx: &Transaction<'_>, key: &[u8; 16]) -> Result<Option<Thin>> {
    let Some(seq) = tx.event_of_key(key)? else {
        return Ok(None);
    };
    tx.prepare(
        "SELECT e.first_delivery, e.deliveries, x.event IS NULL AND r.event IS NOT NULL,
                x.event IS NOT NULL AND x.object IS NULL AND x.full_event IS NULL
         FROM events e LEFT JOIN resolutions r ON r.event = e.seq
         LEFT JOIN resolved x ON x.event = e.seq WHERE e.seq = ?1",
    )?
    .query_row([seq], |row| {
        Ok(Thin {
            seq,
            first_delivery: row.get(0)?,
            deliveries: row.get(1)?,
            waits: row.get(2)?,
            came_to_nothing: row.get(3)?,
        })
    })
    .optional()
}

impl Thin {
    fn deliveries(&self, tx: &Transaction<'_>) -> Result<Vec<DeliveryBrief>> {
        deliveries_of(tx.conn(), self.seq, self.first_delivery, self.deliveries)
    }
}

/// Whether a handler has been given the event, in the form without its object.
fn has_run(tx: &Transaction<'_>, thin: &Thin) -> Result<bool> {
    for delivery in thin.deliveries(tx)? {
        let attempted = tx
            .prepare("SELECT 1 FROM attempts WHERE delivery = ?1 LIMIT 1")?
            .exists([delivery.seq])?;
        if attempted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn replace_waiting(tx: &mut Transaction<'_>, thin: &Thin, new: &PreparedEvent) -> Result<()> {
    let why = in_its_place(new.event.id);
    for delivery in thin.deliveries(tx)? {
        let handler = delivery.handler.as_str();
        if new.handlers.iter().any(|to| to.handler.as_str() == handler) {
            replace_unrun(tx, DeliveryId(delivery.seq), &why)?;
        }
    }
    Ok(())
}

fn in_its_place(snapshot: EventId) -> String {
    format!("its snapshot event {snapshot} came before its object was read, and goes in its place")
}
