//! What operators do to requests of the outbox.

use rusqlite::{OptionalExtension, Result, params};

use super::batch::{Batch, int};
use super::intervene::{self, About};
use super::op::Prepared;
use super::rows;
use super::tally::Counter;
use super::{reads, record};
use crate::{Intervened, Intervention, NewEvent, OutboxSeq, OutboxState};

/// What the ledger has of a request.
struct Row {
    seq: i64,
    state: OutboxState,
    delivery: i64,
    /// The run of its delivery.
    run: u32,
    /// Whether its event's payload was erased, and its own with it.
    erased: bool,
}

fn find(batch: &Batch<'_>, seq: OutboxSeq) -> Result<Option<Row>> {
    batch
        .conn
        .prepare_cached(
            "SELECT o.state, o.delivery, d.run, e.erased IS NOT NULL FROM outbox o
             CROSS JOIN deliveries d ON d.seq = o.delivery CROSS JOIN events e ON e.seq = o.event
             WHERE o.seq = ?1",
        )?
        .query_row([seq.0], |row| {
            Ok(Row {
                seq: seq.0,
                state: rows::outbox_state(row, 0)?,
                delivery: row.get(1)?,
                run: row.get(2)?,
                erased: row.get(3)?,
            })
        })
        .optional()
}

/// Has a dead request sent again, or a waiting one tried now.
pub(super) fn retry(
    batch: &mut Batch<'_>,
    by: &Intervention,
    seq: OutboxSeq,
) -> Result<Intervened> {
    let Some(row) = find(batch, seq)? else {
        return Ok(Intervened::Missing);
    };
    match row.state {
        OutboxState::Sent => Ok(Intervened::Request(row.state)),
        OutboxState::Waiting => {
            batch
                .conn
                .prepare_cached("UPDATE outbox SET due = ?2 WHERE seq = ?1")?
                .execute(params![row.seq, int(batch.at.steady)])?;
            note(batch, &row, by, "retry")?;
            Ok(Intervened::Done)
        }
        OutboxState::Dead if row.erased => Ok(Intervened::Erased),
        OutboxState::Dead => {
            let to = send_again(batch, &row)?;
            note(batch, &row, by, "retry")?;
            Ok(Intervened::Queued(to))
        }
    }
}

/// Puts a dead request behind all others. A place of its own would be before some of its
/// order key that have gone already, and before what memory holds of those that have not.
fn send_again(batch: &mut Batch<'_>, row: &Row) -> Result<OutboxSeq> {
    let to = batch.next_request();
    batch
        .conn
        .prepare_cached(
            "UPDATE outbox SET seq = ?2, was = coalesce(was, seq), state = 'waiting', due = ?3,
                 finished = NULL, cancelled = 0, life = life + 1, since = ?4,
                 tries_before = tries
             WHERE seq = ?1",
        )?
        .execute(params![
            row.seq,
            to,
            int(batch.at.steady),
            int(batch.at.wall)
        ])?;
    for sql in [
        "UPDATE outbox_bodies SET request = ?2 WHERE request = ?1",
        "UPDATE outbox_tries SET request = ?2 WHERE request = ?1",
    ] {
        batch.conn.prepare_cached(sql)?.execute([row.seq, to])?;
    }
    batch.tally.add(Counter::Outbox(OutboxState::Dead), -1);
    batch.tally.add(Counter::Outbox(OutboxState::Waiting), 1);
    let to = OutboxSeq(to);
    batch
        .made
        .requests
        .extend(reads::outbox_request(batch.conn, to)?);
    Ok(to)
}

/// Makes a waiting request dead, and tells its handler.
pub(super) fn cancel(
    batch: &mut Batch<'_>,
    by: &Intervention,
    seq: OutboxSeq,
    answer: Option<&NewEvent>,
) -> Result<Intervened> {
    let Some(row) = find(batch, seq)? else {
        return Ok(Intervened::Missing);
    };
    if row.state != OutboxState::Waiting {
        return Ok(Intervened::Request(row.state));
    }
    batch
        .conn
        .prepare_cached(
            "UPDATE outbox SET state = 'dead', cancelled = 1, error = ?2, finished = ?3
             WHERE seq = ?1",
        )?
        .execute(params![
            row.seq,
            format!("cancelled by {}", by.who),
            int(batch.at.wall)
        ])?;
    batch.tally.add(Counter::Outbox(OutboxState::Waiting), -1);
    batch.tally.add(Counter::Outbox(OutboxState::Dead), 1);
    if let Some(event) = answer {
        record::insert(batch, &Prepared::from(event.clone()))?;
    }
    note(batch, &row, by, "cancel")?;
    Ok(Intervened::Done)
}

/// Requests have no record of their own of that: it stands with their delivery.
fn note(batch: &Batch<'_>, row: &Row, by: &Intervention, action: &str) -> Result<()> {
    let about = About::Request(row.seq);
    intervene::note_of(batch, row.delivery, row.run, about, action, by, &by.why)
}
