//! Events that only a hash of their bytes tells apart, or an id that is not signed.

use std::time::Duration;

use super::keys;
use crate::EqualBytes;
use crate::engine::PreparedEvent;
use crate::postgres::error::Fault;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{event_id, wall};
use tollgate_base::event::EventId;

/// Forgets the key of a new event if the key is a hash and belongs to an event that was received
/// too long ago: the new event is another fact.
pub(super) async fn forget_expired(tx: &Tx, new: &PreparedEvent) -> Result<(), Fault> {
    let EqualBytes::DuplicateWithin(within) = new.equal_bytes else {
        return Ok(());
    };
    let key = new.dedup.0;
    if let Some(first) = keys::event_of(tx, key).await?
        && event_within(tx, new, first, within).await?.is_none()
    {
        keys::remove(tx, key, first).await?;
    }
    Ok(())
}

/// Gives a new event the key of its bytes. Returns the event that has this key and was received
/// recently, and whether the new event goes to handlers all the same.
pub(super) async fn claim(
    tx: &Tx,
    new: &PreparedEvent,
    seq: i64,
) -> Result<Option<(EventId, bool)>, Fault> {
    let EqualBytes::MarkedWithin {
        bytes,
        within,
        routed,
    } = new.equal_bytes
    else {
        return Ok(None);
    };
    if let Some(first) = keys::event_of(tx, bytes.0).await? {
        if let Some(id) = event_within(tx, new, first, within).await? {
            return Ok(Some((id, routed)));
        }
        keys::remove(tx, bytes.0, first).await?;
    }
    keys::add(tx, bytes.0, seq).await?;
    keys::goes_with(tx, bytes.0, seq).await?;
    Ok(None)
}

/// The id of an event that was received no longer than `within` before the new event. `None` if it
/// was received earlier, or if the event has no row any more.
async fn event_within(
    tx: &Tx,
    new: &PreparedEvent,
    event: i64,
    within: Duration,
) -> Result<Option<EventId>, Fault> {
    let found = tx
        .first("SELECT id, received FROM events WHERE seq = $1", &[&event])
        .await?;
    let Some(row) = found else { return Ok(None) };
    let recent = new.event.received.since(wall(&row, 1)?) <= within;
    recent.then(|| event_id(&row, 0)).transpose()
}
