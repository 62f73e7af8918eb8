//! Actions of operators on deliveries: retry, cancel, replay.

use super::super::delivery::{end, entry};
use super::super::{audit, order, waiting};
use crate::postgres::error::Fault;
use crate::postgres::rows::DeliveryRow;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{component, int, text};
use crate::{
    Action, DeliveryId, DeliveryState, Intervened, Intervention, ReplayComponent, ReplayKeys,
};
use tollgate_base::event::{ComponentDigest, SourceName};

/// Acts on each delivery that is there and that the same call has not changed yet.
pub(super) async fn each(
    tx: &mut Tx,
    by: &Intervention,
    deliveries: &[DeliveryId],
) -> Result<Vec<Intervened>, Fault> {
    let mut answers = Vec::with_capacity(deliveries.len());
    for id in deliveries {
        answers.push(match tx.delivery(id.0).await? {
            None => Intervened::Missing,
            Some(row) if audit::was_last_changed_by(tx, row.id, by).await? => Intervened::Before,
            Some(row) => act(tx, by, row).await?,
        });
    }
    Ok(answers)
}

async fn act(tx: &mut Tx, by: &Intervention, row: DeliveryRow) -> Result<Intervened, Fault> {
    match &by.action {
        Action::Retry(_) => retry(tx, by, row).await,
        Action::Cancel(_) => cancel(tx, by, row).await,
        Action::Replay {
            keys,
            component,
            refetch,
            ..
        } => replay(tx, by, row, (*keys, *component), refetch.as_deref()).await,
        _ => Ok(Intervened::Missing),
    }
}

/// Makes a delivery that is retrying due now, or the question for the object that it waits for.
async fn retry(tx: &mut Tx, by: &Intervention, mut row: DeliveryRow) -> Result<Intervened, Fault> {
    if row.state == DeliveryState::Pending && waiting::waits(tx, row.event).await? {
        waiting::hasten(tx, row.event).await?;
    } else if row.state == DeliveryState::Retrying {
        row.due = Some(int(tx.now.steady));
        tx.put(&row, true).await?;
    } else {
        return Ok(Intervened::State(row.state));
    }
    audit::write(tx, by, &entry(&row, row.run, "retry")).await?;
    Ok(Intervened::Done)
}

/// Makes a delivery dead. A delivery that is dead already, and blocks later ones of its key, blocks
/// them no longer.
async fn cancel(tx: &mut Tx, by: &Intervention, row: DeliveryRow) -> Result<Intervened, Fault> {
    let entry = entry(&row, row.run, "cancel");
    if row.state == DeliveryState::Dead && row.turn.is_some() {
        order::leave(tx, row, true).await?;
    } else if row.is_ended() {
        return Ok(Intervened::State(row.state));
    } else {
        end(tx, row, DeliveryState::Dead).await?;
    }
    audit::write(tx, by, &entry).await?;
    Ok(Intervened::Done)
}

/// Ends a held delivery whose work goes on in a new delivery of its event.
pub(super) async fn replace_held(
    tx: &mut Tx,
    by: &Intervention,
    row: DeliveryRow,
    why: &str,
) -> Result<(), Fault> {
    let entry = entry(&row, row.run, "replaced");
    end(tx, row, DeliveryState::Dead).await?;
    audit::write_because(tx, by, &entry, why).await
}

/// Makes an ended delivery due again, as a new run. An attempt of an earlier run that is still
/// under way has no effect any more, since the delivery is in another run.
async fn replay(
    tx: &mut Tx,
    by: &Intervention,
    mut row: DeliveryRow,
    (keys, component): (ReplayKeys, ReplayComponent),
    refetch: Option<&[SourceName]>,
) -> Result<Intervened, Fault> {
    if !row.is_ended() {
        return Ok(Intervened::State(row.state));
    }
    if !has_body(tx, row.event).await? {
        return Ok(Intervened::Erased);
    }
    let component = match component {
        ReplayComponent::Current => None,
        ReplayComponent::Recorded => match recorded_component(tx, row.id).await? {
            None => return Ok(Intervened::NoComponent),
            recorded => recorded,
        },
    };
    let was_queued = row.is_queued();
    // The answers that a run failed on may be why it failed.
    row.answers = match (refetch, row.state) {
        (Some(_), _) => None,
        (None, DeliveryState::Dead) => row.answers,
        (None, _) => Some(row.run),
    };
    tx.count_moved(row.state, DeliveryState::Retrying, 1);
    row.run = row.run.saturating_add(1);
    row.keys = match keys {
        ReplayKeys::New => row.run,
        ReplayKeys::Same => row.keys,
    };
    row.state = DeliveryState::Retrying;
    row.attempts = 0;
    row.excused = 0;
    row.component = component;
    row.due = Some(int(tx.now.steady));
    row.since = int(tx.now.wall);
    row.finished = None;
    let (event, entry) = (row.event, entry(&row, row.run, "replay"));
    waiting::ask_after_all(tx, event).await?;
    resolve_anew(tx, event, refetch.unwrap_or_default()).await?;
    order::rejoin(tx, row, was_queued).await?;
    audit::write(tx, by, &entry).await?;
    Ok(Intervened::Done)
}

/// Lets the event wait for its object once more, if it is of one of these sources.
async fn resolve_anew(tx: &mut Tx, event: i64, sources: &[SourceName]) -> Result<(), Fault> {
    if sources.is_empty() {
        return Ok(());
    }
    let row = tx
        .first("SELECT source FROM events WHERE seq = $1", &[&event])
        .await?;
    let name = row.map(|row| text(&row, 0)).transpose()?;
    let source = sources
        .iter()
        .find(|source| Some(source.as_str()) == name.as_deref());
    match source {
        Some(source) => waiting::begin(tx, event, source).await,
        None => Ok(()),
    }
}

/// The component of the delivery's last attempt that names one.
async fn recorded_component(tx: &Tx, delivery: i64) -> Result<Option<ComponentDigest>, Fault> {
    let row = tx
        .first(
            "SELECT component FROM attempts WHERE delivery = $1 AND component IS NOT NULL
             ORDER BY run DESC, number DESC LIMIT 1",
            &[&delivery],
        )
        .await?;
    row.map_or(Ok(None), |row| component(&row, 0))
}

/// Whether the event's payload is still kept, whole.
pub(super) async fn has_body(tx: &Tx, event: i64) -> Result<bool, Fault> {
    tx.exists(
        "SELECT 1 FROM bodies b JOIN events e ON e.seq = b.event
         WHERE b.event = $1 AND e.erased IS NULL",
        &[&event],
    )
    .await
}
