//! Actions of operators on deliveries: retry, cancel, replay.

use rusqlite::{OptionalExtension, Result, params};

use super::super::audit;
use super::super::delivery_row::DeliveryRow;
use super::super::{order, waiting};
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{DeliveryId, DeliveryState, Intervened, Intervention, ReplayComponent, ReplayKeys};
use tollgate_base::event::SourceName;

/// Acts on each delivery that is there and that the same call has not changed yet.
pub(crate) fn each(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    deliveries: &[DeliveryId],
    mut act: impl FnMut(&mut Transaction<'_>, &Intervention, &DeliveryRow) -> Result<Intervened>,
) -> Result<Vec<Intervened>> {
    let answers = deliveries
        .iter()
        .map(|delivery| match DeliveryRow::find(tx, *delivery)? {
            None => Ok(Intervened::Missing),
            Some(row) if audit::was_last_changed_by(tx, row.seq, by)? => Ok(Intervened::Before),
            Some(row) => act(tx, by, &row),
        });
    answers.collect()
}

/// Makes a delivery that is retrying due now, or the question for the object that it waits for.
pub(crate) fn retry(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    row: &DeliveryRow,
) -> Result<Intervened> {
    if row.state == DeliveryState::Pending && waiting::waits(tx, row.event)? {
        waiting::hasten(tx, row.event)?;
    } else if row.state == DeliveryState::Retrying {
        tx.execute(
            "UPDATE deliveries SET due = ?2 WHERE seq = ?1",
            params![row.seq, int(tx.now().steady)],
        )?;
    } else {
        return Ok(Intervened::State(row.state));
    }
    audit::write(tx, by, &row.entry(row.run, "retry"))?;
    Ok(Intervened::Done)
}

/// Makes a delivery dead. A delivery that is dead already, and blocks later ones of its key,
/// blocks them no longer.
pub(crate) fn cancel(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    row: &DeliveryRow,
) -> Result<Intervened> {
    if row.state == DeliveryState::Dead && order::is_in_line(tx, row.seq)? {
        order::leave(tx, row.seq)?;
    } else if row.is_ended() {
        return Ok(Intervened::State(row.state));
    } else {
        row.end(tx, DeliveryState::Dead)?;
    }
    audit::write(tx, by, &row.entry(row.run, "cancel"))?;
    Ok(Intervened::Done)
}

/// Ends a held delivery whose work goes on in a new delivery of its event.
pub(crate) fn replace_held(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    delivery: DeliveryId,
    why: &str,
) -> Result<()> {
    let Some(row) = DeliveryRow::find(tx, delivery)? else {
        return Ok(());
    };
    row.end(tx, DeliveryState::Dead)?;
    audit::write_because(tx, by, &row.entry(row.run, "replaced"), why)
}

/// Makes an ended delivery due again, as a new run. An attempt of an earlier run that is
/// still under way has no effect any more, since the delivery is in another run.
pub(crate) fn replay(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    row: &DeliveryRow,
    (keys, component): (ReplayKeys, ReplayComponent),
    refetch: Option<&[SourceName]>,
) -> Result<Intervened> {
    if !row.is_ended() {
        return Ok(Intervened::State(row.state));
    }
    if !has_body(tx, row.event)? {
        return Ok(Intervened::Erased);
    }
    let component = match component {
        ReplayComponent::Current => None,
        ReplayComponent::Recorded => match recorded_component(tx, row.seq)? {
            None => return Ok(Intervened::NoComponent),
            recorded => recorded,
        },
    };
    let run = row.run.saturating_add(1);
    let keys = match keys {
        ReplayKeys::New => run,
        ReplayKeys::Same => row.keys,
    };
    tx.execute(
        "UPDATE deliveries
         SET state = 'retrying', attempts = 0, excused = 0, run = ?2, keys = ?3,
             component = ?4, due = ?5, since = ?6, finished = NULL,
             answers = CASE WHEN ?8 THEN NULL WHEN ?7 THEN run ELSE answers END
         WHERE seq = ?1",
        params![
            row.seq,
            run,
            keys,
            component,
            int(tx.now().steady),
            int(tx.now().wall),
            // The answers that a run failed on may be why it failed.
            row.state != DeliveryState::Dead,
            refetch.is_some(),
        ],
    )?;
    tx.count_moved(row.state, DeliveryState::Retrying, 1);
    waiting::ask_after_all(tx, row.event)?;
    resolve_anew(tx, row.event, refetch.unwrap_or_default())?;
    order::rejoin(tx, row.seq, DeliveryState::Retrying)?;
    audit::write(tx, by, &row.entry(run, "replay"))?;
    Ok(Intervened::Done)
}

/// Lets the event wait for its object once more, if it is of one of these sources.
fn resolve_anew(tx: &mut Transaction<'_>, event: i64, sources: &[SourceName]) -> Result<()> {
    if sources.is_empty() {
        return Ok(());
    }
    let (number, name): (i64, String) = tx
        .prepare(
            "SELECT s.id, s.name FROM events e JOIN sources s ON s.id = e.source WHERE seq = ?1",
        )?
        .query_row([event], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match sources.iter().any(|source| source.as_str() == name) {
        true => waiting::begin(tx, event, number),
        false => Ok(()),
    }
}

/// The component of the delivery's last attempt that names one.
fn recorded_component(tx: &Transaction<'_>, delivery: i64) -> Result<Option<i64>> {
    tx.prepare(
        "SELECT component FROM attempts WHERE delivery = ?1 AND component IS NOT NULL
         ORDER BY run DESC, number DESC LIMIT 1",
    )?
    .query_row([delivery], |row| row.get(0))
    .optional()
}

/// Whether the event's payload is still kept, whole.
pub(crate) fn has_body(tx: &Transaction<'_>, event: i64) -> Result<bool> {
    tx.prepare(
        "SELECT 1 FROM bodies b JOIN events e ON e.seq = b.event
         WHERE b.event = ?1 AND e.erased IS NULL",
    )?
    .exists([event])
}
