//! Carrying out what operators ask for.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Result, params};

use super::batch::{Batch, int, non_empty};
use super::order::{self, Place};
use super::tally::Counter;
use super::{requests, rows, schedule};
use crate::{
    Action, Choice, Delivery, DeliverySeq, DeliveryState, Intervened, Intervention, Recipient,
    ReplayKeys,
};
use tollgate_base::event::Event;

/// What the ledger has of a delivery.
struct Row {
    seq: i64,
    event: i64,
    state: DeliveryState,
    run: u32,
    keys: u32,
}

/// Carries the intervention out; the answers are in the order of what it names.
pub(super) fn intervene(
    batch: &mut Batch<'_>,
    intervention: &Intervention,
) -> Result<Vec<Intervened>> {
    match &intervention.action {
        Action::Retry(deliveries) => each(batch, intervention, deliveries, retry),
        Action::Cancel(deliveries) => each(batch, intervention, deliveries, cancel),
        Action::Replay {
            deliveries,
            keys,
            component,
        } => each(batch, intervention, deliveries, |batch, row, by| {
            replay(batch, row, by, *keys, *component)
        }),
        Action::Route(events) => events
            .iter()
            .map(|(event, handlers)| route(batch, intervention, event, handlers))
            .collect(),
        Action::RetryRequests(seqs) => seqs
            .iter()
            .map(|seq| requests::retry(batch, intervention, *seq))
            .collect(),
        Action::CancelRequests(seqs) => seqs
            .iter()
            .map(|(seq, answer)| requests::cancel(batch, intervention, *seq, answer.as_deref()))
            .collect(),
        Action::RunScheduled(handler, key) => {
            Ok(vec![schedule::run_now(batch, intervention, handler, key)?])
        }
        Action::CancelScheduled(handler, key) => {
            Ok(vec![schedule::cancel(batch, intervention, handler, key)?])
        }
    }
}

fn each(
    batch: &mut Batch<'_>,
    by: &Intervention,
    deliveries: &[DeliverySeq],
    mut act: impl FnMut(&mut Batch<'_>, &Row, &Intervention) -> Result<Intervened>,
) -> Result<Vec<Intervened>> {
    deliveries
        .iter()
        .map(|delivery| match find(batch, *delivery)? {
            None => Ok(Intervened::Missing),
            Some(row) if was_before(batch, &row, by)? => Ok(Intervened::Before),
            Some(row) => act(batch, &row, by),
        })
        .collect()
}

fn find(batch: &Batch<'_>, delivery: DeliverySeq) -> Result<Option<Row>> {
    batch
        .conn
        .prepare_cached("SELECT seq, event, state, run, keys FROM deliveries WHERE seq = ?1")?
        .query_row([delivery.0], |row| {
            Ok(Row {
                seq: row.get(0)?,
                event: row.get(1)?,
                state: rows::delivery_state(row, 2)?,
                run: row.get(3)?,
                keys: row.get(4)?,
            })
        })
        .optional()
}

/// Whether the delivery was last changed by the same request.
fn was_before(batch: &Batch<'_>, row: &Row, by: &Intervention) -> Result<bool> {
    let Some(wanted) = &by.batch else {
        return Ok(false);
    };
    let last: Option<Option<String>> = batch
        .conn
        .prepare_cached(
            "SELECT batch FROM interventions
             WHERE delivery = ?1 AND request IS NULL AND scheduled IS NULL
             ORDER BY number DESC LIMIT 1",
        )?
        .query_row([row.seq], |row| row.get(0))
        .optional()?;
    Ok(last.flatten().as_ref() == Some(wanted))
}

fn retry(batch: &mut Batch<'_>, row: &Row, by: &Intervention) -> Result<Intervened> {
    if row.state != DeliveryState::Retrying {
        return Ok(Intervened::State(row.state));
    }
    batch
        .conn
        .prepare_cached("UPDATE deliveries SET due = ?2 WHERE seq = ?1")?
        .execute(params![row.seq, int(batch.at.steady)])?;
    note(batch, row.seq, row.run, "retry", by, &by.why)?;
    Ok(Intervened::Done)
}

fn cancel(batch: &mut Batch<'_>, row: &Row, by: &Intervention) -> Result<Intervened> {
    if row.state == DeliveryState::Dead && order::counts_still(batch, row.seq)? {
        // It holds later ones of its key, and is to do so no longer.
        order::leave(batch, row.seq)?;
    } else if is_ended(row.state) {
        return Ok(Intervened::State(row.state));
    } else {
        end(batch, row.seq, row.state)?;
    }
    note(batch, row.seq, row.run, "cancel", by, &by.why)?;
    Ok(Intervened::Done)
}

/// Makes a delivery dead.
fn end(batch: &mut Batch<'_>, seq: i64, from: DeliveryState) -> Result<()> {
    batch
        .conn
        .prepare_cached(
            "UPDATE deliveries SET state = 'dead', due = NULL, finished = ?2 WHERE seq = ?1",
        )?
        .execute(params![seq, int(batch.at.wall)])?;
    batch.tally.moved(from, DeliveryState::Dead, 1);
    order::leave(batch, seq)
}

fn is_ended(state: DeliveryState) -> bool {
    matches!(
        state,
        DeliveryState::Done | DeliveryState::Ignored | DeliveryState::Dead
    )
}

/// Makes an ended delivery due again. An attempt of an earlier run that is still under way
/// is of no effect from now on, since its run is not the delivery's any more.
fn replay(
    batch: &mut Batch<'_>,
    row: &Row,
    by: &Intervention,
    keys: ReplayKeys,
    component: Choice,
) -> Result<Intervened> {
    if !is_ended(row.state) {
        return Ok(Intervened::State(row.state));
    }
    if !has_body(batch, row.event)? {
        return Ok(Intervened::Erased);
    }
    let component = match component {
        Choice::Current => None,
        Choice::Recorded => match recorded_component(batch, row.seq)? {
            None => return Ok(Intervened::NoComponent),
            recorded => recorded,
        },
    };
    let run = row.run.saturating_add(1);
    let keys = match keys {
        ReplayKeys::New => run,
        ReplayKeys::Same => row.keys,
    };
    batch
        .conn
        .prepare_cached(
            "UPDATE deliveries SET state = 'retrying', attempts = 0, excused = 0, run = ?2, keys = ?3,
                 component = ?4, due = ?5, since = ?6, finished = NULL
             WHERE seq = ?1",
        )?
        .execute(params![
            row.seq,
            run,
            keys,
            component,
            int(batch.at.steady),
            int(batch.at.wall),
        ])?;
    batch.tally.moved(row.state, DeliveryState::Retrying, 1);
    order::come_back(batch, row.seq, DeliveryState::Retrying)?;
    note(batch, row.seq, run, "replay", by, &by.why)?;
    Ok(Intervened::Done)
}

/// The component of a delivery's last attempt that names one.
fn recorded_component(batch: &Batch<'_>, delivery: i64) -> Result<Option<i64>> {
    batch
        .conn
        .prepare_cached(
            "SELECT component FROM attempts WHERE delivery = ?1 AND component IS NOT NULL
             ORDER BY run DESC, number DESC LIMIT 1",
        )?
        .query_row([delivery], |row| row.get(0))
        .optional()
}

/// Whether the event's payload is there, whole.
fn has_body(batch: &Batch<'_>, event: i64) -> Result<bool> {
    batch
        .conn
        .prepare_cached(
            "SELECT 1 FROM bodies b JOIN events e ON e.seq = b.event
             WHERE b.event = ?1 AND e.erased IS NULL",
        )?
        .exists([event])
}

/// Gives an event deliveries to those of `handlers` that have none.
fn route(
    batch: &mut Batch<'_>,
    by: &Intervention,
    event: &Arc<Event>,
    handlers: &[Recipient],
) -> Result<Intervened> {
    let found: Option<(i64, Option<i64>, i64)> = batch
        .conn
        .prepare_cached("SELECT seq, first_delivery, deliveries FROM events WHERE id = ?1")?
        .query_row([event.id.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((seq, first, many)) = found else {
        return Ok(Intervened::Missing);
    };
    if !has_body(batch, seq)? {
        return Ok(Intervened::Erased);
    }
    let present = super::records::deliveries_of(batch.conn, seq, first, many)?;
    let mut made = 0;
    for to in handlers {
        if present.iter().all(|old| old.handler != to.handler.as_str()) {
            add_delivery(batch, by, seq, event, to)?;
            made += 1;
        }
    }
    if made == 0 {
        return Ok(Intervened::NoRoute);
    }
    if present.is_empty() {
        batch.tally.add(Counter::Unrouted, -1);
    }
    for old in present {
        if old.state == DeliveryState::Held.name() {
            end(batch, old.seq, DeliveryState::Held)?;
            let why = "its event was routed anew, to handlers that are there";
            let run = find(batch, DeliverySeq(old.seq))?.map_or(0, |row| row.run);
            note(batch, old.seq, run, "replaced", by, why)?;
        }
    }
    Ok(Intervened::Routed(made))
}

/// A further delivery of an event that is on record. It is a replay to its handler, which
/// would have been given the event long ago.
fn add_delivery(
    batch: &mut Batch<'_>,
    by: &Intervention,
    event_seq: i64,
    event: &Arc<Event>,
    Recipient { handler, key }: &Recipient,
) -> Result<()> {
    let number = batch.handler(handler)?;
    let seq = batch.next_delivery();
    let place = order::place_of(batch, key.as_ref())?;
    batch
        .conn
        .prepare_cached(
            "INSERT INTO deliveries (seq, event, handler, state, attempts, run, keys, crashes,
                 since, order_key, turn)
             VALUES (?1, ?2, ?3, 'pending', 0, 1, 1, 0, ?4, ?5, ?6)",
        )?
        .execute(params![
            seq,
            event_seq,
            number,
            int(batch.at.wall),
            key.as_ref().map(|key| key.0.as_slice()),
            place.map(|place| place as i64),
        ])?;
    batch
        .conn
        .prepare_cached("INSERT INTO later_deliveries (event, delivery) VALUES (?1, ?2)")?
        .execute(params![event_seq, seq])?;
    batch
        .tally
        .add(Counter::Deliveries(DeliveryState::Pending), 1);
    note(batch, seq, 1, "route", by, &by.why)?;
    if place == Some(Place::Behind) {
        return Ok(());
    }
    batch.made.deliveries.push(Delivery {
        seq: DeliverySeq(seq),
        handler: handler.clone(),
        event: Arc::clone(event),
        attempts: 0,
        run: 1,
        keys: 1,
        component: None,
        crashes: 0,
        since: batch.at.wall,
        excused: 0,
        key: *key,
    });
    Ok(())
}

/// Writes down what was done to a delivery.
fn note(
    batch: &Batch<'_>,
    delivery: i64,
    run: u32,
    action: &str,
    by: &Intervention,
    why: &str,
) -> Result<()> {
    note_of(batch, delivery, run, About::Delivery, action, by, why)
}

/// What of a delivery something was done to.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    Delivery,
    /// The request in this place, which it queued.
    Request(i64),
    /// What it scheduled under this key.
    Scheduled(&'a str),
}

/// Writes down what was done to a delivery or to something of it.
pub(super) fn note_of(
    batch: &Batch<'_>,
    delivery: i64,
    run: u32,
    about: About<'_>,
    action: &str,
    by: &Intervention,
    why: &str,
) -> Result<()> {
    let (request, scheduled) = match about {
        About::Delivery => (None, None),
        About::Request(seq) => (Some(seq), None),
        About::Scheduled(key) => (None, Some(key)),
    };
    batch
        .conn
        .prepare_cached(
            "INSERT INTO interventions (delivery, number, at, action, run, who, why, batch,
                 request, scheduled)
             VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM interventions
                          WHERE delivery = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            delivery,
            int(batch.at.wall),
            action,
            run,
            by.who,
            non_empty(why),
            by.batch,
            request,
            scheduled,
        ])?;
    Ok(())
}
