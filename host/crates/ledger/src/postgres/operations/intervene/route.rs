//! Routing an event anew: deliveries to handlers that have none of it yet.

use std::sync::Arc;

use super::super::audit::{self, About, Entry};
use super::super::insert_event::position_of;
use super::super::waiting;
use super::deliveries::{has_body, replace_held};
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::rows::{self, DeliveryRow, Position};
use crate::postgres::transaction::Tx;
use crate::postgres::values::{get, int, uuid};
use crate::{
    Delivery, DeliveryId, DeliveryState, Intervened, Intervention, Recipient, Resolved, RoutedAnew,
    Token,
};
use tollgate_base::event::Event;

/// Gives the event a delivery for each of the handlers that has none. The event's deliveries that
/// are held end: their work goes on in the new ones.
pub(super) async fn route(
    tx: &mut Tx,
    by: &Intervention,
    RoutedAnew {
        event,
        handlers,
        resolve,
    }: &RoutedAnew,
) -> Result<Intervened, Fault> {
    let found = tx
        .first(
            "SELECT seq, deliveries FROM events WHERE id = $1",
            &[&uuid(event.id)],
        )
        .await?;
    let Some(found) = found else {
        return Ok(Intervened::Missing);
    };
    let (seq, ids): (i64, Vec<i64>) = (get(&found, 0)?, get(&found, 1)?);
    if !has_body(tx, seq).await? {
        return Ok(Intervened::Erased);
    }
    let mut present = Vec::with_capacity(ids.len());
    for id in ids {
        present.extend(tx.delivery(id).await?);
    }
    let is_new = |to: &&Recipient| present.iter().all(|old| old.handler != to.handler);
    let new: Vec<_> = handlers.iter().filter(is_new).collect();
    if new.is_empty() {
        return Ok(Intervened::NoRoute);
    }
    let resolved = rows::resolved_of(tx.conn(), seq).await?;
    if *resolve && resolved.is_none() {
        waiting::begin(tx, seq, &event.source).await?;
    }
    waiting::ask_after_all(tx, seq).await?;
    for to in &new {
        add_delivery(tx, by, seq, (event, resolved.as_ref()), to).await?;
    }
    if present.is_empty() {
        tx.count(Counter::Unrouted, -1);
    }
    let routed = new.len();
    for old in present {
        if old.state == DeliveryState::Held {
            let why = "its event was routed anew, to handlers that are there";
            replace_held(tx, by, old, why).await?;
        }
    }
    Ok(Intervened::Routed(routed))
}

/// Adds a delivery to an event that is on record. For the handler the delivery is a replay, since
/// the handler would have been given the event long ago.
async fn add_delivery(
    tx: &mut Tx,
    by: &Intervention,
    event_seq: i64,
    (event, resolved): (&Arc<Event>, Option<&Arc<Resolved>>),
    to: &Recipient,
) -> Result<(), Fault> {
    let waits = waiting::waits(tx, event_seq).await?;
    let (turn, place) = position_of(tx, to, waits).await?;
    let blocked = turn == Some(Position::Blocked);
    let row = DeliveryRow {
        id: tx.numbers.delivery(),
        event: event_seq,
        handler: to.handler.clone(),
        state: DeliveryState::Pending,
        attempts: 0,
        run: 1,
        keys: 1,
        crashes: 0,
        since: int(tx.now.wall),
        excused: 0,
        due: None,
        finished: None,
        component: None,
        key: to.key,
        turn,
        answers: None,
        place,
        owner: (!blocked).then_some(tx.me.owner),
        token: Token(u64::from(!blocked)),
    };
    tx.insert(&row).await?;
    tx.execute(
        "UPDATE events SET deliveries = deliveries || $2::bigint WHERE seq = $1",
        &[&event_seq, &row.id],
    )
    .await?;
    tx.count(Counter::Deliveries(DeliveryState::Pending), 1);
    let entry = Entry {
        delivery: row.id,
        run: 1,
        action: "route",
        about: About::Delivery,
    };
    audit::write(tx, by, &entry).await?;
    if blocked {
        return Ok(());
    }
    let delivery = Delivery {
        id: DeliveryId(row.id),
        handler: to.handler.clone(),
        event: Arc::clone(event),
        resolved: resolved.cloned(),
        attempts: 0,
        uncounted: 0,
        run: 1,
        keys: 1,
        component: None,
        answers: None,
        crashes: 0,
        key: to.key,
        since: tx.now.wall,
    };
    tx.news.recorded.push((delivery, row.token));
    Ok(())
}
