//! Erasing payloads: an event's body, the bodies of the requests that were made of it, and
//! what its attempts logged. Keys, times, states and outcomes stay.

use rusqlite::{OptionalExtension, Result, params};

use super::batch::{Batch, int};
use super::history::{EventRow, History};
use super::tally::Counter;
use crate::{Erased, Erasure, Retention};
use tollgate_base::event::EventId;
use tollgate_base::time::Ages;

/// Erases what the handling of an event has scheduled.
pub(super) const ERASE_SCHEDULED: &str = "UPDATE schedule SET payload = x'' WHERE cause = ?1";

/// Erases an event now, if it has ended, with the payloads of what its handling scheduled.
pub(super) fn on_demand(batch: &mut Batch<'_>, id: EventId) -> Result<Erased> {
    let seq: Option<i64> = batch
        .conn
        .prepare_cached("SELECT seq FROM events WHERE id = ?1 AND pruned IS NULL")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    let event = match seq {
        Some(seq) => EventRow::find(batch.conn, seq)?,
        None => None,
    };
    let Some(event) = event else {
        return Ok(Erased::Unknown);
    };
    match History::of(batch.conn, &event)? {
        Some(history) => {
            erase(batch, &event, &history, &Erasure::of_all())?;
            // It keeps its time, since something of the handler's depends on that.
            batch
                .conn
                .prepare_cached(ERASE_SCHEDULED)?
                .execute([id.as_bytes()])?;
            Ok(Erased::Done)
        }
        None => Ok(Erased::StillDue),
    }
}

/// Erases an event whose time has come; returns how many rows that took.
pub(super) fn when_due(
    batch: &mut Batch<'_>,
    retention: &Retention,
    event: &EventRow,
) -> Result<u64> {
    let Some(erasure) = retention.erasure(&event.source) else {
        return Ok(0);
    };
    match History::of(batch.conn, event)? {
        Some(history) if is_erasable(erasure, event, &history, batch.at.ages) => {
            erase(batch, event, &history, erasure)
        }
        _ => Ok(0),
    }
}

/// Whether an event's time to be erased has come. One that is dead waits to be
/// replayed or pruned.
pub(super) fn is_erasable(
    erasure: &Erasure,
    event: &EventRow,
    history: &History,
    ages: Ages,
) -> bool {
    event.erased.is_none()
        && event.pruned.is_none()
        && !history.has_dead()
        && ages.is_past(history.ended(), erasure.after)
}

fn erase(
    batch: &mut Batch<'_>,
    event: &EventRow,
    history: &History,
    erasure: &Erasure,
) -> Result<u64> {
    let mut rows = erase_body(batch, event, erasure)?;
    for request in &history.requests {
        rows += change(
            batch,
            "UPDATE outbox_bodies SET headers = '[]', body = x'' WHERE request = ?1",
            request.seq,
        )?;
        // What stands behind the path may name a person.
        rows += change(
            batch,
            "UPDATE outbox SET url = substr(url, 1, instr(url || '?', '?') - 1), order_key = NULL
             WHERE seq = ?1",
            request.seq,
        )?;
    }
    if erasure.logs {
        for delivery in &history.deliveries {
            rows += change(
                batch,
                "UPDATE attempts SET logs = NULL, detail = NULL
                 WHERE delivery = ?1 AND (logs IS NOT NULL OR detail IS NOT NULL)",
                delivery.seq,
            )?;
        }
    }
    let now = int(batch.at.wall);
    batch
        .conn
        .prepare_cached("UPDATE events SET erased = ?2 WHERE seq = ?1")?
        .execute(params![event.seq, now])?;
    if event.erased.is_none() {
        batch.tally.add(Counter::Erased, 1);
    }
    Ok(rows + 1)
}

/// Erases or redacts the event's own body.
fn erase_body(batch: &Batch<'_>, event: &EventRow, erasure: &Erasure) -> Result<u64> {
    let redacted = if erasure.pointers.is_empty() {
        None
    } else {
        let payload: Option<Vec<u8>> = batch
            .conn
            .prepare_cached("SELECT payload FROM bodies WHERE event = ?1")?
            .query_row([event.seq], |row| row.get(0))
            .optional()?;
        payload.and_then(|payload| erasure.redact(&payload))
    };
    let changed = match redacted {
        Some(payload) => batch
            .conn
            .prepare_cached("UPDATE bodies SET payload = ?2 WHERE event = ?1")?
            .execute(params![event.seq, payload])?,
        None => batch
            .conn
            .prepare_cached(
                "UPDATE bodies SET headers = '[]', metadata = '[]', payload = x'' WHERE event = ?1",
            )?
            .execute([event.seq])?,
    };
    Ok(changed as u64)
}

fn change(batch: &Batch<'_>, sql: &str, number: i64) -> Result<u64> {
    let changed = batch.conn.prepare_cached(sql)?.execute([number])?;
    Ok(changed as u64)
}
