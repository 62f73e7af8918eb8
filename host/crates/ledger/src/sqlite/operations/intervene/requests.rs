//! Actions of operators on requests of the outbox: retry (requeue, or make due), cancel.

use rusqlite::{OptionalExtension, Result, params};

use super::super::audit::{self, About, Entry};
use super::super::insert_event::insert_event;
use super::super::request_order;
use crate::engine::PreparedEvent;
use crate::sqlite::counters::Counter;
use crate::sqlite::read::outbox;
use crate::sqlite::rows;
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{Intervened, Intervention, NewEvent, OutboxState, RequestId};

/// The row of a request.
struct RequestRow {
    seq: i64,
    state: OutboxState,
    delivery: i64,
    /// The run that the delivery is in.
    run: u32,
    /// Whether the event's payload was erased, and the request's body with it.
    erased: bool,
    handler: i64,
    order_key: Option<String>,
}

fn find(tx: &Transaction<'_>, id: RequestId) -> Result<Option<RequestRow>> {
    tx.prepare(
        "SELECT o.state, o.delivery, d.run, e.erased IS NOT NULL, o.handler, o.order_key
         FROM outbox o CROSS JOIN deliveries d ON d.seq = o.delivery CROSS JOIN events e ON e.seq = o.event
         WHERE o.seq = ?1",
    )?
    .query_row([id.0], |row| {
        Ok(RequestRow {
            seq: id.0,
            state: rows::outbox_state(row, 0)?,
            delivery: row.get(1)?,
            run: row.get(2)?,
            erased: row.get(3)?,
            handler: row.get(4)?,
            order_key: row.get(5)?,
        })
    })
    .optional()
}

/// Requeues a dead request, or makes a waiting one due now.
pub(crate) fn retry(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    id: RequestId,
) -> Result<Intervened> {
    let Some(row) = find(tx, id)? else {
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
            let to = requeue(tx, &row)?;
            note(tx, by, &row, "retry")?;
            Ok(Intervened::Queued(to))
        }
    }
}

/// Gives a dead request a new number, behind all others. At its old number it would stand before
/// requests of its order key that have been sent since. The leases of the old number say nothing
/// about the new one.
fn requeue(tx: &mut Transaction<'_>, row: &RequestRow) -> Result<RequestId> {
    let to = tx.take_request();
    let blocked = request_order::is_blocked(tx, row.handler, row.order_key.as_deref())?;
    tx.execute(
        "UPDATE outbox
         SET seq = ?2, was = coalesce(was, seq), state = 'waiting', due = ?3,
             finished = NULL, cancelled = 0, requeued = requeued + 1, since = ?4,
             tries_before = tries, blocked = ?5
         WHERE seq = ?1",
        params![
            row.seq,
            to,
            int(tx.now().steady),
            int(tx.now().wall),
            blocked
        ],
    )?;
    for sql in [
        "UPDATE outbox_bodies SET request = ?2 WHERE request = ?1",
        "UPDATE outbox_tries SET request = ?2 WHERE request = ?1",
    ] {
        tx.execute(sql, [row.seq, to])?;
    }
    tx.count(Counter::Outbox(OutboxState::Dead), -1);
    tx.count(Counter::Outbox(OutboxState::Waiting), 1);
    let to = RequestId(to);
    if !blocked {
        let request = outbox::request(tx.conn(), to)?;
        tx.for_sink.queued.extend(request);
    }
    Ok(to)
}

/// Makes a waiting request dead, records the event that tells its handler, and releases the next
/// request of the order key.
pub(crate) fn cancel(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    id: RequestId,
    answer: Option<&NewEvent>,
) -> Result<Intervened> {
    let Some(row) = find(tx, id)? else {
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
    request_order::release_next(tx, row.handler, row.order_key.as_deref())?;
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
