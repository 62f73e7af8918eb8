//! Routing an event anew: deliveries to handlers that have none of it yet.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Result, params};

use super::super::audit::{self, About, Entry};
use super::super::order::{self, Position};
use super::super::waiting;
use super::deliveries::{has_body, replace_held};
use crate::sqlite::counters::Counter;
use crate::sqlite::read::records::deliveries_of;
use crate::sqlite::rows;
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{
    Delivery, DeliveryId, DeliveryState, Intervened, Intervention, Recipient, Resolved, RoutedAnew,
};
use tollgate_base::event::Event;

/// Gives the event a delivery for each of the handlers that has none. The event's deliveries
/// that are held end: their work goes on in the new ones.
pub(crate) fn route(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    RoutedAnew {
        event,
        handlers,
        resolve,
    }: &RoutedAnew,
) -> Result<Intervened> {
    let found: Option<(i64, Option<i64>, i64, i64)> = tx
        .prepare("SELECT seq, first_delivery, deliveries, source FROM events WHERE id = ?1")?
        .query_row([event.id.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((seq, first, many, source)) = found else {
        return Ok(Intervened::Missing);
    };
    if !has_body(tx, seq)? {
        return Ok(Intervened::Erased);
    }
    let present = deliveries_of(tx.conn(), seq, first, many)?;
    let is_new = |to: &&Recipient| present.iter().all(|old| old.handler != to.handler.as_str());
    let new: Vec<_> = handlers.iter().filter(is_new).collect();
    if new.is_empty() {
        return Ok(Intervened::NoRoute);
    }
    let resolved = rows::resolved_of(tx.conn(), seq)?;
    if *resolve && resolved.is_none() {
        waiting::begin(tx, seq, source)?;
    }
    waiting::ask_after_all(tx, seq)?;
    for to in &new {
        add_delivery(tx, by, seq, (event, resolved.as_ref()), to)?;
    }
    if present.is_empty() {
        tx.count(Counter::Unrouted, -1);
    }
    for old in present {
        if old.state == DeliveryState::Held.name() {
            let why = "its event was routed anew, to handlers that are there";
            replace_held(tx, by, DeliveryId(old.seq), why)?;
        }
    }
    Ok(Intervened::Routed(new.len()))
}

/// Adds a delivery to an event that is on record. For the handler the delivery is a replay,
/// since the handler would have been given the event long ago.
fn add_delivery(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    event_seq: i64,
    (event, resolved): (&Arc<Event>, Option<&Arc<Resolved>>),
    Recipient { handler, key }: &Recipient,
) -> Result<()> {
    let number = tx.handler(handler)?;
    let seq = tx.take_delivery();
    let waits = waiting::waits(tx, event_seq)?;
    let position = order::next_position(tx, key.as_ref(), waits)?;
    tx.execute(
        "INSERT INTO deliveries (seq, event, handler, state, attempts, run, keys, crashes,
             since, order_key, turn)
         VALUES (?1, ?2, ?3, 'pending', 0, 1, 1, 0, ?4, ?5, ?6)",
        params![
            seq,
            event_seq,
            number,
            int(tx.now().wall),
            key.as_ref().map(|key| key.0.as_slice()),
            position.map(|position| position as i64),
        ],
    )?;
    tx.execute(
        "INSERT INTO later_deliveries (event, delivery) VALUES (?1, ?2)",
        params![event_seq, seq],
    )?;
    tx.count(Counter::Deliveries(DeliveryState::Pending), 1);
    let entry = Entry {
        delivery: seq,
        run: 1,
        action: "route",
        about: About::Delivery,
    };
    audit::write(tx, by, &entry)?;
    if position == Some(Position::Blocked) {
        return Ok(());
    }
    tx.for_sink.recorded.push(Delivery {
        id: DeliveryId(seq),
        handler: handler.clone(),
        event: Arc::clone(event),
        resolved: resolved.cloned(),
        attempts: 0,
        run: 1,
        keys: 1,
        component: None,
        answers: None,
        crashes: 0,
        since: tx.now().wall,
        uncounted: 0,
        key: *key,
    });
    Ok(())
}
