//! Recording events, those of requests and those that handlers emit.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Result, params};

use super::batch::{Batch, int};
use super::keys;
use super::op::Prepared;
use super::order::{self, Place};
use super::tally::Counter;
use crate::{Delivery, DeliverySeq, DeliveryState, Recipient, Recorded};
use tollgate_base::event::{DedupKey, EventId};

/// Records the events of one request; the answers are in their order.
pub(super) fn record(batch: &mut Batch<'_>, events: &[Prepared]) -> Result<Vec<Recorded>> {
    events
        .iter()
        .map(|new| match insert(batch, new)? {
            Some(_) => Ok(Recorded::New(new.event.id)),
            None => count_duplicate(batch, new),
        })
        .collect()
}

/// Records an event that is new, with its deliveries, and returns its place; `None`
/// where one of its dedup keys is known.
pub(super) fn insert(batch: &mut Batch<'_>, new: &Prepared) -> Result<Option<i64>> {
    let seq = batch.peek_event();
    if !claim(batch, new, seq)? {
        return Ok(None);
    }
    batch.take_event();
    let first_delivery = insert_deliveries(batch, new, seq)?;
    insert_event(batch, new, seq, first_delivery)?;
    batch
        .conn
        .prepare_cached(
            "INSERT INTO bodies (event, headers, metadata, payload) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            seq,
            new.headers,
            new.metadata,
            &new.event.payload[..]
        ])?;
    batch.tally.add(Counter::Events, 1);
    if new.handlers.is_empty() {
        batch.tally.add(Counter::Unrouted, 1);
    }
    Ok(Some(seq))
}

/// Claims the event's dedup keys for it, unless one is known: then the others lead to the
/// event that has this one.
fn claim(batch: &mut Batch<'_>, new: &Prepared, seq: i64) -> Result<bool> {
    let mut known = None;
    for key in std::iter::once(&new.dedup).chain(&new.also) {
        known = known.or(event_of(batch, key)?);
    }
    if known.is_none() {
        batch.keys.insert(new.dedup.0, seq);
    }
    if new.also.is_empty() {
        return Ok(known.is_none());
    }
    let event = known.unwrap_or(seq);
    // Of one that has been pruned, whose keys are for good, nothing goes any more.
    let goes = known.is_none() || has_row(batch, event)?;
    for key in std::iter::once(&new.dedup).chain(&new.also) {
        // The further ones have no place in the event's row.
        if event_of(batch, key)?.is_none() && keys::write(batch.conn, &key.0, event)? && goes {
            batch
                .conn
                .prepare_cached("INSERT INTO dedup_also (event, key) VALUES (?1, ?2)")?
                .execute(params![event, key.0])?;
        }
    }
    Ok(known.is_none())
}

/// Whether there is still a row of this event.
fn has_row(batch: &Batch<'_>, event: i64) -> Result<bool> {
    batch
        .conn
        .prepare_cached("SELECT 1 FROM events WHERE seq = ?1")?
        .exists([event])
}

/// The place of the event that has this key.
fn event_of(batch: &Batch<'_>, key: &DedupKey) -> Result<Option<i64>> {
    batch.keys.event_of(batch.conn, &key.0)
}

fn insert_event(
    batch: &mut Batch<'_>,
    new: &Prepared,
    seq: i64,
    first_delivery: Option<i64>,
) -> Result<()> {
    let event = &new.event;
    let source = batch.source(&event.source)?;
    batch
        .conn
        .prepare_cached(
            "INSERT INTO events (seq, id, source, kind, provider_id, subject, account, created,
                 received, depth, first_delivery, deliveries, dedup)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            seq,
            event.id.as_bytes(),
            source,
            event.kind,
            event.provider_id,
            event.subject,
            event.account,
            event.created.map(int),
            int(event.received),
            event.depth,
            first_delivery,
            new.handlers.len() as i64,
            new.dedup.0,
        ])?;
    Ok(())
}

/// One pending delivery for each handler; returns the place of the first.
fn insert_deliveries(batch: &mut Batch<'_>, new: &Prepared, event: i64) -> Result<Option<i64>> {
    let mut first = None;
    for Recipient { handler, key } in &new.handlers {
        let number = batch.handler(handler)?;
        let seq = batch.next_delivery();
        let place = order::place_of(batch, key.as_ref())?;
        let state = match key {
            Some(key) if place == Some(Place::Behind) && order::is_away(batch, handler, key)? => {
                DeliveryState::Held
            }
            _ => DeliveryState::Pending,
        };
        batch.tally.add(Counter::Deliveries(state), 1);
        batch
            .conn
            .prepare_cached(
                "INSERT INTO deliveries (seq, event, handler, state, attempts, run, keys, crashes,
                     order_key, turn)
                 VALUES (?1, ?2, ?3, ?6, 0, 0, 0, 0, ?4, ?5)",
            )?
            .execute(params![
                seq,
                event,
                number,
                key.as_ref().map(|key| key.0.as_slice()),
                place.map(|place| place as i64),
                state.name(),
            ])?;
        first.get_or_insert(seq);
        if place == Some(Place::Behind) {
            continue;
        }
        batch.made.deliveries.push(Delivery {
            seq: DeliverySeq(seq),
            handler: handler.clone(),
            event: Arc::clone(&new.event),
            attempts: 0,
            run: 0,
            keys: 0,
            component: None,
            crashes: 0,
            since: new.event.received,
            excused: 0,
            key: *key,
        });
    }
    Ok(first)
}

/// Counts an arrival of an event that is recorded already.
fn count_duplicate(batch: &mut Batch<'_>, new: &Prepared) -> Result<Recorded> {
    batch.tally.add(Counter::Duplicates, 1);
    let Some((seq, id, same_bytes)) = first_of(batch, new)? else {
        // All that is left of it is its key.
        return Ok(Recorded::Duplicate {
            first: None,
            same_bytes: true,
        });
    };
    batch
        .conn
        .prepare_cached(
            "UPDATE events SET duplicates = duplicates + 1,
                 duplicates_differing = duplicates_differing + ?2, last_duplicate = ?3
             WHERE seq = ?1",
        )?
        .execute(params![seq, !same_bytes, int(batch.at.wall)])?;
    if !same_bytes {
        batch.tally.add(Counter::DuplicatesDiffering, 1);
    }
    Ok(Recorded::Duplicate {
        first: Some(id),
        same_bytes,
    })
}

/// The event that was first recorded with this key, if there is still a row of it, and
/// whether it has the same bytes as far as that can be told.
fn first_of(batch: &Batch<'_>, new: &Prepared) -> Result<Option<(i64, EventId, bool)>> {
    let Some(event) = event_of(batch, &new.dedup)? else {
        return Ok(None);
    };
    batch
        .conn
        .prepare_cached(
            "SELECT e.seq, e.id, b.event IS NULL OR e.erased IS NOT NULL OR b.payload IS ?2
             FROM events e LEFT JOIN bodies b ON b.event = e.seq WHERE e.seq = ?1",
        )?
        .query_row(params![event, &new.event.payload[..]], |row| {
            Ok((row.get(0)?, EventId::from_bytes(row.get(1)?), row.get(2)?))
        })
        .optional()
}
