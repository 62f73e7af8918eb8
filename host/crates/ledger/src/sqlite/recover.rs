//! What an unclean end left under way.

use rusqlite::{Connection, OptionalExtension, Result, TransactionBehavior, params};

use super::counters::Counters;
use super::rows;
use super::values::int;
use crate::{AttemptOutcome, DeliverySeq, DeliveryState};
use tollgate_base::time::{SteadyClock, SteadyTime};

/// Counts an attempt for each delivery that was under way: those that are `marked`
/// and those that were claimed to run alone. They are due again at once.
pub(crate) fn count_crashes(
    conn: &mut Connection,
    marked: &[DeliverySeq],
    clock: &SteadyClock,
) -> Result<usize> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = Counters::load(&tx)?;
    let mut counters = before;
    let mut under_way: Vec<i64> = marked.iter().map(|delivery| delivery.0).collect();
    under_way.extend(running(&tx)?);
    under_way.sort_unstable();
    under_way.dedup();
    let mut counted = 0;
    for delivery in under_way {
        counted += usize::from(count(&tx, &mut counters, delivery, clock)?);
    }
    counters.store(&tx, &before)?;
    tx.commit()?;
    Ok(counted)
}

/// Makes due again what was claimed to run alone and has not ended, at a clean end.
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

fn running(conn: &Connection) -> Result<Vec<i64>> {
    conn.prepare("SELECT seq FROM deliveries WHERE state = 'running'")?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn count(
    conn: &Connection,
    counters: &mut Counters,
    delivery: i64,
    clock: &SteadyClock,
) -> Result<bool> {
    // One that stands behind another of its key runs not now: what was marked is an attempt of
    // a run that an operator ended.
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
