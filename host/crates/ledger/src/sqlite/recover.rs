//! Deliveries that ran when the process ended.

use rusqlite::{Connection, OptionalExtension, Result, TransactionBehavior, params};

use super::counters::Counters;
use super::rows;
use super::values::int;
use crate::{AttemptOutcome, DeliveryId, DeliveryState};
use tollgate_base::time::{SteadyClock, SteadyTime};

/// Counts an attempt for each delivery that ran at an unclean end: the deliveries in `noted`
/// and the ones that were claimed to run alone. All of them are due again at once. Returns how
/// many there were.
pub(crate) fn count_crashes(
    conn: &mut Connection,
    noted: &[DeliveryId],
    clock: &SteadyClock,
) -> Result<usize> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = Counters::load(&tx)?;
    let mut counters = before;
    let mut ran: Vec<i64> = noted.iter().map(|delivery| delivery.0).collect();
    ran.extend(running(&tx)?);
    ran.sort_unstable();
    ran.dedup();
    let mut counted = 0;
    for delivery in ran {
        counted += usize::from(count(&tx, &mut counters, delivery, clock)?);
    }
    counters.store(&tx, &before)?;
    tx.commit()?;
    Ok(counted)
}

/// Makes the deliveries due again that were claimed to run alone and have not ended. For a
/// clean end.
pub(crate) fn release_claimed(conn: &mut Connection, now: SteadyTime) -> Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = Counters::load(&tx)?;
    let mut counters = before;
    let moved = tx.execute(
        "UPDATE deliveries SET state = 'retrying', due = ?1 WHERE state = 'running'",
        [int(now)],
    )?;
    counters.moved(
        DeliveryState::Running,
        DeliveryState::Retrying,
        moved as i64,
    );
    counters.store(&tx, &before)?;
    tx.commit()
}

/// The deliveries that were claimed to run alone.
fn running(conn: &Connection) -> Result<Vec<i64>> {
    conn.prepare("SELECT seq FROM deliveries WHERE state = 'running'")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Counts an attempt for one delivery; false if the delivery was not to run.
fn count(
    conn: &Connection,
    counters: &mut Counters,
    delivery: i64,
    clock: &SteadyClock,
) -> Result<bool> {
    // A blocked delivery cannot have run. The attempt that was noted belongs to a run that an
    // operator ended.
    let found: Option<(DeliveryState, i64, i64)> = conn
        .prepare_cached(
            "SELECT state, run, attempts + 1 FROM deliveries WHERE seq = ?1 AND turn IS NOT 2",
        )?
        .query_row([delivery], |row| {
            Ok((rows::delivery_state(row, 0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((state, run, number)) = found else {
        return Ok(false);
    };
    if !matches!(
        state,
        DeliveryState::Pending | DeliveryState::Retrying | DeliveryState::Running
    ) {
        return Ok(false);
    }
    conn.prepare_cached(
        "INSERT INTO attempts (delivery, run, number, started, duration_us, outcome, detail)
         VALUES (?1, ?2, ?3, ?4, 0, ?5, 'the gateway ended while this ran')",
    )?
    .execute(params![
        delivery,
        run,
        number,
        int(clock.wall()),
        AttemptOutcome::Crash.name()
    ])?;
    conn.prepare_cached(
        "UPDATE deliveries SET state = 'retrying', due = ?2, attempts = ?3, crashes = crashes + 1
         WHERE seq = ?1",
    )?
    .execute(params![delivery, int(clock.now()), number])?;
    counters.moved(state, DeliveryState::Retrying, 1);
    Ok(true)
}
