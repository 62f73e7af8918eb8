//! Erasing payloads: the event's body, the bodies of its requests, and the logs of its
//! attempts. Keys, times, states and outcomes stay.

use rusqlite::{OptionalExtension, Result, params};

use super::history::{EventRow, History};
use super::judge::is_erasable;
use crate::sqlite::counters::Counter;
use crate::sqlite::operations::forget_resolution;
use crate::sqlite::values::int;
use crate::sqlite::write::{Operation, Transaction};
use crate::{Erased, Erasure, Retention};
use tollgate_base::event::EventId;

/// Erases the payloads of events that the handling of an event has scheduled.
pub(crate) const ERASE_SCHEDULED: &str = "UPDATE schedule SET payload = x'' WHERE cause = ?1";

/// Erases an event now, if it has ended, with the payloads of events that its handling
/// scheduled.
pub(crate) struct Erase {
    pub(crate) event: EventId,
}

impl Operation for Erase {
    type Answer = Erased;

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<Erased> {
        let id = self.event.as_bytes();
        let seq: Option<i64> = tx
            .prepare("SELECT seq FROM events WHERE id = ?1 AND pruned IS NULL")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        let event = match seq {
            Some(seq) => EventRow::find(tx.conn(), seq)?,
            None => None,
        };
        let Some(event) = event else {
            return Ok(Erased::Unknown);
        };
        match History::of(tx.conn(), &event)? {
            Some(history) => {
                erase(tx, &event, &history, &Erasure::everything())?;
                // The entry stays scheduled, since the handler may depend on its time.
                tx.execute(ERASE_SCHEDULED, [id])?;
                Ok(Erased::Done)
            }
            None => Ok(Erased::StillDue),
        }
    }
}

/// Erases an event that retention says is to be erased; returns how many rows that took.
pub(crate) fn when_due(
    tx: &mut Transaction<'_>,
    retention: &Retention,
    event: &EventRow,
) -> Result<u64> {
    let Some(erasure) = retention.erasure(&event.source) else {
        return Ok(0);
    };
    match History::of(tx.conn(), event)? {
        Some(history) if is_erasable(erasure, event, &history, tx.now().ages) => {
            erase(tx, event, &history, erasure)
        }
        _ => Ok(0),
    }
}

/// Erases an event that has ended; returns how many rows that took.
fn erase(
    tx: &mut Transaction<'_>,
    event: &EventRow,
    history: &History,
    erasure: &Erasure,
) -> Result<u64> {
    let mut rows = erase_body(tx, event, erasure)?;
    // Whole, also where pointers leave a part of the payload: they are pointers into the event.
    rows += forget_resolution(tx, event.seq)?;
    for request in &history.requests {
        rows += change(
            tx,
            "UPDATE outbox_bodies SET headers = '[]', body = x'' WHERE request = ?1",
            request.seq,
        )?;
        // The query of the URL may name a person.
        rows += change(
            tx,
            "UPDATE outbox SET url = substr(url, 1, instr(url || '?', '?') - 1), order_key = NULL
             WHERE seq = ?1",
            request.seq,
        )?;
    }
    for delivery in &history.deliveries {
        // Whole, also where pointers leave a part of the payload: a replay is refused anyway.
        rows += change(
            tx,
            "UPDATE exchanges SET digest = NULL, headers = '[]', body = x''
             WHERE delivery = ?1 AND status IS NOT NULL",
            delivery.seq,
        )?;
    }
    if erasure.logs {
        for delivery in &history.deliveries {
            rows += change(
                tx,
                "UPDATE attempts SET logs = NULL, detail = NULL
                 WHERE delivery = ?1 AND (logs IS NOT NULL OR detail IS NOT NULL)",
                delivery.seq,
            )?;
        }
    }
    let now = int(tx.now().wall);
    tx.execute(
        "UPDATE events SET erased = ?2 WHERE seq = ?1",
        params![event.seq, now],
    )?;
    if event.erased.is_none() {
        tx.count(Counter::Erased, 1);
    }
    Ok(rows + 1)
}

/// Erases or redacts the event's own body; returns how many rows that took.
fn erase_body(tx: &Transaction<'_>, event: &EventRow, erasure: &Erasure) -> Result<u64> {
    let redacted = if erasure.pointers.is_empty() {
        None
    } else {
        let payload: Option<Vec<u8>> = tx
            .prepare("SELECT payload FROM bodies WHERE event = ?1")?
            .query_row([event.seq], |row| row.get(0))
            .optional()?;
        payload.and_then(|payload| erasure.redact(&payload))
    };
    let changed = match redacted {
        Some(payload) => tx.execute(
            "UPDATE bodies SET payload = ?2 WHERE event = ?1",
            params![event.seq, payload],
        )?,
        None => tx.execute(
            "UPDATE bodies SET headers = '[]', metadata = '[]', payload = x'' WHERE event = ?1",
            [event.seq],
        )?,
    };
    Ok(changed as u64)
}

/// Executes a statement about one row; returns how many rows it changed.
fn change(tx: &Transaction<'_>, sql: &str, number: i64) -> Result<u64> {
    let changed = tx.execute(sql, [number])?;
    Ok(changed as u64)
}
