//! Recording one event, wherever it comes from.

use std::sync::Arc;

use rusqlite::{Result, params};

use super::order::{self, Position};
use super::{equal_bytes, twins, waiting};
use crate::engine::PreparedEvent;
use crate::sqlite::counters::Counter;
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{Delivery, DeliveryId, DeliveryState, EventForm, Recipient};
use tollgate_base::event::EventId;

/// Records an event with its deliveries and returns its number, and the event with the same bytes
/// that it is marked with; `None` if one of its dedup keys is known, so that the event is a
/// duplicate.
pub(crate) fn insert_event(
    tx: &mut Transaction<'_>,
    new: &PreparedEvent,
) -> Result<Option<(i64, Option<EventId>)>> {
    let seq = tx.peek_event();
    equal_bytes::forget_expired(tx, new)?;
    twins::take_place(tx, new)?;
    if !claim_keys(tx, new, seq)? {
        return Ok(None);
    }
    let twin = equal_bytes::claim(tx, new, seq)?;
    match twin {
        Some((first, routed)) => insert_new(tx, &new.marked(first, routed), seq)?,
        None => insert_new(tx, new, seq)?,
    }
    Ok(Some((seq, twin.map(|(first, _)| first))))
}

/// Records an event that is new, with its deliveries.
fn insert_new(tx: &mut Transaction<'_>, new: &PreparedEvent, seq: i64) -> Result<()> {
    tx.take_event();
    let source = tx.source(&new.event.source)?;
    let waits = new.form == EventForm::Thin && !new.handlers.is_empty();
    if waits {
        waiting::begin(tx, seq, source)?;
    }
    let first_delivery = insert_deliveries(tx, new, seq, waits)?;
    insert_row(tx, new, (seq, source), first_delivery)?;
    tx.execute(
        "INSERT INTO bodies (event, headers, metadata, payload) VALUES (?1, ?2, ?3, ?4)",
        params![seq, new.headers, new.metadata, &new.event.payload[..]],
    )?;
    tx.count(Counter::Events, 1);
    if new.handlers.is_empty() {
        tx.count(Counter::Unrouted, 1);
    }
    Ok(())
}

/// Gives the event its dedup keys; false if one of them is known already. Then the keys that
/// are not known lead to the event that has the known one.
fn claim_keys(tx: &mut Transaction<'_>, new: &PreparedEvent, seq: i64) -> Result<bool> {
    let mut known = None;
    for key in std::iter::once(&new.dedup).chain(&new.further_keys) {
        known = known.or(tx.event_of_key(&key.0)?);
    }
    if known.is_none() {
        tx.add_key(new.dedup.0, seq);
    }
    if new.further_keys.is_empty() {
        return Ok(known.is_none());
    }
    let event = known.unwrap_or(seq);
    // A pruned event whose keys stay for good has no row any more, and its keys never go.
    let keys_go = known.is_none() || has_row(tx, event)?;
    for key in std::iter::once(&new.dedup).chain(&new.further_keys) {
        // The event's row has no room for further keys.
        let is_new = tx.event_of_key(&key.0)?.is_none() && tx.write_key(&key.0, event)?;
        if is_new && keys_go {
            tx.execute(
                "INSERT INTO dedup_also (event, key) VALUES (?1, ?2)",
                params![event, key.0],
            )?;
        }
    }
    Ok(known.is_none())
}

/// Whether the event still has a row.
fn has_row(tx: &Transaction<'_>, event: i64) -> Result<bool> {
    tx.prepare("SELECT 1 FROM events WHERE seq = ?1")?
        .exists([event])
}

fn insert_row(
    tx: &mut Transaction<'_>,
    new: &PreparedEvent,
    (seq, source): (i64, i64),
    first_delivery: Option<i64>,
) -> Result<()> {
    let event = &new.event;
    tx.execute(
        "INSERT INTO events (seq, id, source, kind, provider_id, subject, account, created,
             received, depth, first_delivery, deliveries, dedup)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        params![
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
        ],
    )?;
    Ok(())
}

/// Gives each handler its delivery; returns the number of the first one. `waits` says whether the
/// event waits for its object.
fn insert_deliveries(
    tx: &mut Transaction<'_>,
    new: &PreparedEvent,
    event: i64,
    waits: bool,
) -> Result<Option<i64>> {
    let mut first = None;
    for Recipient { handler, key } in &new.handlers {
        let number = tx.handler(handler)?;
        let seq = tx.take_delivery();
        let position = order::next_position(tx, key.as_ref(), waits)?;
        let blocked = position == Some(Position::Blocked);
        let state = match blocked && order::is_handler_absent(tx, handler, key.as_ref())? {
            true => DeliveryState::Held,
            false => DeliveryState::Pending,
        };
        tx.count(Counter::Deliveries(state), 1);
        tx.execute(
            "INSERT INTO deliveries (seq, event, handler, state, attempts, run, keys, crashes,
                 order_key, turn)
             VALUES (?1, ?2, ?3, ?6, 0, 0, 0, 0, ?4, ?5)",
            params![
                seq,
                event,
                number,
                key.as_ref().map(|key| key.0.as_slice()),
                position.map(|position| position as i64),
                state.name(),
            ],
        )?;
        first.get_or_insert(seq);
        if blocked {
            continue;
        }
        tx.for_sink.recorded.push(Delivery {
            id: DeliveryId(seq),
            handler: handler.clone(),
            event: Arc::clone(&new.event),
            resolved: None,
            attempts: 0,
            run: 0,
            keys: 0,
            component: None,
            answers: None,
            crashes: 0,
            since: new.event.received,
            uncounted: 0,
            key: *key,
        });
    }
    Ok(first)
}
