//! Actions of operators on requests of the outbox: retry, cancel.

use rusqlite::{OptionalExtension, Result, params};

use super::super::insert_event::insert_event;
use super::super::prepared::PreparedEvent;
use super::audit::{self, About, Entry};
use crate::sqlite::counters::Counter;
use crate::sqlite::read::outbox;
use crate::sqlite::rows;
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{Intervened, Intervention, NewEvent, OutboxSeq, OutboxState};

/// The row of a request.
struct RequestRow {
    seq: i64,
    state: OutboxState,
    delivery: i64,
    /// The run that the delivery is in.
    run: u32,
    /// Whether the event's payload was erased, and the request's body with it.
    erased: bool,
}

fn find(tx: &Transaction<'_>, seq: OutboxSeq) -> Result<Option<RequestRow>> {
    tx.prepare(
        "SELECT o.state, o.delivery, d.run, e.erased IS NOT NULL FROM outbox o
         CROSS JOIN deliveries d ON d.seq = o.delivery CROSS JOIN events e ON e.seq = o.event
         WHERE o.seq = ?1",
    )?
    .query_row([seq.0], |row| {
        Ok(RequestRow {
            seq: seq.0,
            state: rows::outbox_state(row, 0)?,
            delivery: row.get(1)?,
            run: row.get(2)?,
            erased: row.get(3)?,
        })
    })
    .optional()
}

/// Queues a dead request again, or makes a waiting one due now.
pub(crate) fn retry(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    seq: OutboxSeq,
) -> Result<Intervened> {
    let Some(row) = find(tx, seq)? else {
        return Ok(Intervened::Missing);
    };
    match row.state {
        OutboxState::Sent => Ok(Intervened::Request(row.state)),
        OutboxState::Waiting => {
            tx.execute(
                "UPDATE outbox SET due = ?2 WHERE seq = ?1",
                params![row.seq, int(tx.now().steady)],
            )?;
            note(tx, by, &row, "retry")?;
            Ok(Intervened::Done)
        }
        OutboxState::Dead if row.erased => Ok(Intervened::Erased),
        OutboxState::Dead => {
            let to = queue_again(tx, &row)?;
            note(tx, by, &row, "retry")?;
            Ok(Intervened::Queued(to))
        }
    }
}

/// Gives a dead request a new number, behind all others. At its old number it would stand
/// before requests of its order key that have been sent since, and before the requests that
/// memory holds.
fn queue_again(tx: &mut Transaction<'_>, row: &RequestRow) -> Result<OutboxSeq> {
    let to = tx.take_request();
    tx.execute(
        "UPDATE outbox
         SET seq = ?2, was = coalesce(was, seq), state = 'waiting', due = ?3,
             finished = NULL, cancelled = 0, life = life + 1, since = ?4,
             tries_before = tries
         WHERE seq = ?1",
        params![row.seq, to, int(tx.now().steady), int(tx.now().wall)],
    )?;
    for sql in [
        "UPDATE outbox_bodies SET request = ?2 WHERE request = ?1",
        "UPDATE outbox_tries SET request = ?2 WHERE request = ?1",
    ] {
        tx.execute(sql, [row.seq, to])?;
    }
    tx.count(Counter::Outbox(OutboxState::Dead), -1);
    tx.count(Counter::Outbox(OutboxState::Waiting), 1);
    let to = OutboxSeq(to);
    let request = outbox::request(tx.conn(), to)?;
    tx.for_sink.queued.extend(request);
    Ok(to)
}

/// Makes a waiting request dead and records the event that tells its handler.
pub(crate) fn cancel(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    seq: OutboxSeq,
    answer: Option<&NewEvent>,
) -> Result<Intervened> {
    let Some(row) = find(tx, seq)? else {
        return Ok(Intervened::Missing);
    };
    if row.state != OutboxState::Waiting {
        return Ok(Intervened::Request(row.state));
    }
    tx.execute(
        "UPDATE outbox SET state = 'dead', cancelled = 1, error = ?2, finished = ?3
         WHERE seq = ?1",
        params![
            row.seq,
            format!("cancelled by {}", by.who),
            int(tx.now().wall)
        ],
    )?;
    tx.count(Counter::Outbox(OutboxState::Waiting), -1);
    tx.count(Counter::Outbox(OutboxState::Dead), 1);
    if let Some(event) = answer {
        insert_event(tx, &PreparedEvent::from(event.clone()))?;
    }
    note(tx, by, &row, "cancel")?;
    Ok(Intervened::Done)
}

/// Writes the action down with the request's delivery.
fn note(tx: &Transaction<'_>, by: &Intervention, row: &RequestRow, action: &str) -> Result<()> {
    let entry = Entry {
        delivery: row.delivery,
        run: row.run,
        action,
        about: About::Request(row.seq),
    };
    audit::write(tx, by, &entry)
}
