//! Events that only a hash of their bytes tells apart, or an id that is not signed.

use std::time::Duration;

use rusqlite::{OptionalExtension as _, Result, params};

use crate::EqualBytes;
use crate::engine::PreparedEvent;
use crate::sqlite::write::Transaction;
use tollgate_base::event::EventId;
use tollgate_base::time::WallTime;

/// Forgets the key of a new event if the key is a hash and belongs to an event that was received
/// too long ago: the new event is another fact.
pub(crate) fn forget_expired(tx: &mut Transaction<'_>, new: &PreparedEvent) -> Result<()> {
    let EqualBytes::DuplicateWithin(within) = new.equal_bytes else {
        return Ok(());
    };
    let key = new.dedup.0;
    if let Some(first) = tx.event_of_key(&key)?
        && event_within(tx, new, first, within)?.is_none()
    {
        forget(tx, key, first)?;
    }
    Ok(())
}

/// Gives a new event the key of its bytes. Returns the event that has this key and was received
/// recently, and whether the new event goes to handlers all the same.
pub(crate) fn claim(
    tx: &mut Transaction<'_>,
    new: &PreparedEvent,
    seq: i64,
) -> Result<Option<(EventId, bool)>> {
    let EqualBytes::MarkedWithin {
        bytes,
        within,
        routed,
    } = new.equal_bytes
    else {
        return Ok(None);
    };
    if let Some(first) = tx.event_of_key(&bytes.0)? {
        if let Some(id) = event_within(tx, new, first, within)? {
            return Ok(Some((id, routed)));
        }
        forget(tx, bytes.0, first)?;
    }
    tx.write_key(&bytes.0, seq)?;
    tx.execute(
        "INSERT INTO dedup_also (event, key) VALUES (?1, ?2)",
        params![seq, bytes.0],
    )?;
    Ok(None)
}

fn forget(tx: &mut Transaction<'_>, key: [u8; 16], event: i64) -> Result<()> {
    tx.remove_key(key, event)?;
    tx.execute(
        "DELETE FROM dedup_also WHERE event = ?1 AND key = ?2",
        params![event, key],
    )?;
    Ok(())
}

/// The id of an event that was received no longer than `within` before the new event. `None` if it
/// was received earlier, or if the event has no row any more.
fn event_within(
    tx: &Transaction<'_>,
    new: &PreparedEvent,
    event: i64,
    within: Duration,
) -> Result<Option<EventId>> {
    let found: Option<([u8; 16], i64)> = tx
        .prepare("SELECT id, received FROM events WHERE seq = ?1")?
        .query_row([event], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let recent =
        found.filter(|(_, received)| new.event.received.since(received_at(*received)) <= within);
    Ok(recent.map(|(id, _)| EventId::from_bytes(id)))
}

fn received_at(millis: i64) -> WallTime {
    WallTime::from_millis(u64::try_from(millis).unwrap_or(0))
}
