//! Actions of operators on requests of the outbox: retry (requeue, or make due), cancel.

use uuid::Uuid;

use super::super::audit::{self, About, Entry};
use super::super::insert_event::insert_event;
use super::super::request_order;
use crate::engine::PreparedEvent;
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{get, int, outbox_state, small};
use crate::{Intervened, Intervention, NewEvent, OutboxState, RequestId};

/// The row of a request.
struct RequestRow {
    id: i64,
    state: OutboxState,
    delivery: i64,
    /// The run that the delivery is in.
    run: u32,
    /// Whether the event's payload was erased, and the request's body with it.
    erased: bool,
    line: Option<[u8; 16]>,
}

async fn find(tx: &Tx, id: RequestId) -> Result<Option<RequestRow>, Fault> {
    let row = tx
        .first(
            "SELECT o.state, o.delivery, d.run, e.erased IS NOT NULL, o.line
             FROM outbox o JOIN deliveries d ON d.id = o.delivery JOIN events e ON e.seq = o.event
             WHERE o.id = $1",
            &[&id.0],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let line: Option<Uuid> = get(&row, 4)?;
    Ok(Some(RequestRow {
        id: id.0,
        state: outbox_state(&row, 0)?,
        delivery: get(&row, 1)?,
        run: small(&row, 2)?,
        erased: get(&row, 3)?,
        line: line.map(Uuid::into_bytes),
    }))
}

/// Requeues a dead request, or makes a waiting one due now.
pub(super) async fn retry(
    tx: &mut Tx,
    by: &Intervention,
    id: RequestId,
) -> Result<Intervened, Fault> {
    let Some(row) = find(tx, id).await? else {
        return Ok(Intervened::Missing);
    };
    match row.state {
        OutboxState::Sent => Ok(Intervened::Request(row.state)),
        OutboxState::Waiting => {
            tx.execute(
                "UPDATE outbox SET due = $2 WHERE id = $1",
                &[&row.id, &int(tx.now.steady)],
            )
            .await?;
            note(tx, by, &row, "retry").await?;
            Ok(Intervened::Done)
        }
        OutboxState::Dead if row.erased => Ok(Intervened::Erased),
        OutboxState::Dead => {
            let to = requeue(tx, &row).await?;
            note(tx, by, &row, "retry").await?;
            Ok(Intervened::Queued(to))
        }
    }
}

/// Gives a dead request a new id and a place behind all others. At its old place it would stand
/// before requests of its order key that have been sent since. The leases of the old id say nothing
/// about the new one.
async fn requeue(tx: &mut Tx, row: &RequestRow) -> Result<RequestId, Fault> {
    let to = tx.numbers.request();
    let (place, blocked) = request_order::join(tx, row.line).await?;
    tx.execute(
        "UPDATE outbox
         SET id = $2, place = $3, was = coalesce(was, id), state = 'waiting', due = $4,
             finished = NULL, cancelled = false, requeued = requeued + 1, since = $5,
             tries_before = tries, blocked = $6, owner = NULL
         WHERE id = $1",
        &[
            &row.id,
            &to,
            &place,
            &int(tx.now.steady),
            &int(tx.now.wall),
            &blocked,
        ],
    )
    .await?;
    for sql in [
        "UPDATE outbox_bodies SET request = $2 WHERE request = $1",
        "UPDATE outbox_tries SET request = $2 WHERE request = $1",
    ] {
        tx.execute(sql, &[&row.id, &to]).await?;
    }
    tx.count(Counter::Outbox(OutboxState::Dead), -1);
    tx.count(Counter::Outbox(OutboxState::Waiting), 1);
    if !blocked {
        request_order::hand_out(tx, to).await?;
    }
    Ok(RequestId(to))
}

/// Makes a waiting request dead, records the event that tells its handler, and releases the next
/// request of the order key.
pub(super) async fn cancel(
    tx: &mut Tx,
    by: &Intervention,
    id: RequestId,
    answer: Option<&NewEvent>,
) -> Result<Intervened, Fault> {
    let Some(row) = find(tx, id).await? else {
        return Ok(Intervened::Missing);
    };
    if row.state != OutboxState::Waiting {
        return Ok(Intervened::Request(row.state));
    }
    tx.execute(
        "UPDATE outbox SET state = 'dead', cancelled = true, error = $2, finished = $3
         WHERE id = $1",
        &[
            &row.id,
            &Text(&format!("cancelled by {}", by.who)),
            &int(tx.now.wall),
        ],
    )
    .await?;
    tx.count(Counter::Outbox(OutboxState::Waiting), -1);
    tx.count(Counter::Outbox(OutboxState::Dead), 1);
    request_order::release_next(tx, row.line).await?;
    if let Some(event) = answer {
        insert_event(tx, &PreparedEvent::from(event.clone())).await?;
    }
    note(tx, by, &row, "cancel").await?;
    Ok(Intervened::Done)
}

/// Writes the action down with the request's delivery.
async fn note(
    tx: &Tx,
    by: &Intervention,
    row: &RequestRow,
    action: &'static str,
) -> Result<(), Fault> {
    let entry = Entry {
        delivery: row.delivery,
        run: row.run,
        action,
        about: About::Request(row.id),
    };
    audit::write(tx, by, &entry).await
}
