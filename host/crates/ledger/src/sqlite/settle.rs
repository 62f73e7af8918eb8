//! The smaller writes: outbox requests that were tried, handlers that come and go,
//! deliveries that are to run alone.

use rusqlite::{OptionalExtension, Result, params};

use super::batch::{Batch, int, non_empty};
use super::op::{HoldStep, Mark, SettlementRequest};
use super::tally::Counter;
use super::{order, record, rows};
use crate::{DeliveryState, OutboxNext, OutboxState, Settlement};
use tollgate_base::event::HandlerName;

/// Writes down one try of an outbox request and, where it ends the request, the event that
/// tells its handler. One that is not waiting any more is left as it is, unless it was
/// cancelled during a try that its receiver accepted.
pub(super) fn settle(batch: &mut Batch<'_>, request: &SettlementRequest) -> Result<()> {
    let settlement = &request.settlement;
    let found: Option<(u32, OutboxState, bool)> = batch
        .conn
        .prepare_cached("SELECT tries, state, cancelled FROM outbox WHERE seq = ?1")?
        .query_row([settlement.seq.0], |row| {
            Ok((row.get(0)?, rows::outbox_state(row, 1)?, row.get(2)?))
        })
        .optional()?;
    let Some((tries, from, cancelled)) = found else {
        return Ok(());
    };
    let sent_all_the_same = cancelled && settlement.next == OutboxNext::Sent;
    if from != OutboxState::Waiting && !sent_all_the_same {
        return Ok(());
    }
    let number = tries.saturating_add(1);
    let (to, due) = match settlement.next {
        OutboxNext::Sent => (OutboxState::Sent, None),
        OutboxNext::Dead => (OutboxState::Dead, None),
        OutboxNext::Waiting { due } => (OutboxState::Waiting, Some(int(due))),
    };
    batch
        .conn
        .prepare_cached(
            "UPDATE outbox SET state = ?2, tries = ?3, status = ?4, error = ?5,
                 due = coalesce(?6, due), finished = ?7
             WHERE seq = ?1",
        )?
        .execute(params![
            settlement.seq.0,
            to.name(),
            number,
            settlement.status,
            non_empty(&settlement.error),
            due,
            due.is_none().then_some(int(settlement.at)),
        ])?;
    if to != OutboxState::Sent {
        insert_try(batch, settlement, number)?;
    }
    batch.tally.add(Counter::Outbox(from), -1);
    batch.tally.add(Counter::Outbox(to), 1);
    if to != OutboxState::Waiting
        && let Some(event) = &request.response
    {
        // One that is known is of an earlier run with the same keys.
        record::insert(batch, event)?;
    }
    Ok(())
}

fn insert_try(batch: &Batch<'_>, settlement: &Settlement, number: u32) -> Result<()> {
    batch
        .conn
        .prepare_cached(
            "INSERT INTO outbox_tries (request, number, ended, status, error)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            settlement.seq.0,
            number,
            int(settlement.at),
            settlement.status,
            non_empty(&settlement.error),
        ])?;
    Ok(())
}

/// How many deliveries one transaction moves, so that a great many hold up nobody.
const HOLD_STEP: i64 = 2_000;

/// What is pending, in the three parts that have an index each: what arrived and may run,
/// what was released, what stands behind another delivery of its key.
pub(super) const PENDING: [&str; 3] = [
    "AND due IS NULL AND turn IS NOT 2",
    "AND due IS NOT NULL",
    "AND turn = 2",
];

/// Moves a bounded number of deliveries into and out of `held`.
pub(super) fn hold_step(batch: &mut Batch<'_>, present: &[HandlerName]) -> Result<HoldStep> {
    use DeliveryState::{Held, Pending, Retrying};
    let mut step = HoldStep::default();
    batch.set_present(present);
    for (handler, is_present) in handlers(batch, present)? {
        if is_present {
            step.released += move_some(batch, handler, (Held, ""), Pending, &mut step.more)?;
        } else {
            for part in PENDING {
                step.held += move_some(batch, handler, (Pending, part), Held, &mut step.more)?;
            }
            step.held += move_some(batch, handler, (Retrying, ""), Held, &mut step.more)?;
        }
    }
    Ok(step)
}

/// Every handler that the ledger knows, and whether it is present.
fn handlers(batch: &Batch<'_>, present: &[HandlerName]) -> Result<Vec<(i64, bool)>> {
    batch
        .conn
        .prepare_cached("SELECT id, name FROM handlers")?
        .query_map([], |row| {
            let name = row.get_ref(1)?.as_str()?;
            let is_present = present.iter().any(|handler| handler.as_str() == name);
            Ok((row.get(0)?, is_present))
        })?
        .collect()
}

fn move_some(
    batch: &mut Batch<'_>,
    handler: i64,
    (from, part): (DeliveryState, &str),
    to: DeliveryState,
    more: &mut bool,
) -> Result<u64> {
    // The state stands in the text, since only so is the partial index used.
    let sql = format!(
        "UPDATE deliveries SET state = '{to}', due = NULL WHERE seq IN
             (SELECT seq FROM deliveries WHERE state = '{from}' {part} AND handler = ?1
              LIMIT ?2)"
    );
    let moved = batch
        .conn
        .prepare_cached(&sql)?
        .execute(params![handler, HOLD_STEP])? as i64;
    batch.tally.moved(from, to, moved);
    *more |= moved == HOLD_STEP;
    Ok(moved.unsigned_abs())
}

/// Moves a delivery that is still due into another state.
pub(super) fn mark(batch: &mut Batch<'_>, mark: Mark) -> Result<()> {
    let finished = (mark.to == DeliveryState::Dead).then(|| int(batch.at.wall));
    for from in [
        DeliveryState::Pending,
        DeliveryState::Retrying,
        DeliveryState::Running,
    ] {
        let moved = batch
            .conn
            .prepare_cached(
                "UPDATE deliveries SET state = ?3, due = NULL, finished = ?4
                 WHERE seq = ?1 AND state = ?2 AND state IS NOT ?3",
            )?
            .execute(params![
                mark.delivery.0,
                from.name(),
                mark.to.name(),
                finished
            ])?;
        if moved > 0 {
            batch.tally.moved(from, mark.to, moved as i64);
            if !order::counts(mark.to, mark.turn) {
                order::leave(batch, mark.delivery.0)?;
            }
            break;
        }
    }
    Ok(())
}
