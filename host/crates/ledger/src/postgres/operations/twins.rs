//! Snapshot events that take the place of the thin events that name them.

use super::delivery::replace_unrun;
use super::keys;
use crate::EventForm;
use crate::engine::PreparedEvent;
use crate::postgres::error::Fault;
use crate::postgres::transaction::Tx;
use crate::postgres::values::get;
use tollgate_base::event::EventId;

/// A thin event that its twin finds on record.
struct Thin {
    seq: i64,
    deliveries: Vec<i64>,
    /// Whether the event waits for its object and nothing was told about it before.
    waits: bool,
    /// Whether the provider's API told something about the event, but neither its object nor its
    /// fields.
    came_to_nothing: bool,
}

/// If `new` is the snapshot event of a thin event without an object, gives the key that both share
/// to `new`. The deliveries of the thin event that wait end, for the handlers that `new` goes to.
pub(super) async fn take_place(tx: &mut Tx, new: &PreparedEvent) -> Result<(), Fault> {
    let EventForm::Snapshot(key) = new.form else {
        return Ok(());
    };
    if new.handlers.is_empty() || keys::event_of(tx, new.dedup.0).await?.is_some() {
        return Ok(());
    }
    let Some(thin) = find(tx, key.0).await? else {
        return Ok(());
    };
    let has_run = thin.waits && has_run(tx, &thin).await?;
    if has_run || !(thin.waits || thin.came_to_nothing) {
        return Ok(());
    }
    keys::remove(tx, key.0, thin.seq).await?;
    match thin.waits {
        true => replace_waiting(tx, &thin, new).await,
        false => Ok(()),
    }
}

async fn find(tx: &Tx, key: [u8; 16]) -> Result<Option<Thin>, Fault> {
    let Some(seq) = keys::event_of(tx, key).await? else {
        return Ok(None);
    };
    let row = tx
        .first(
            "SELECT e.deliveries, x.event IS NULL AND r.event IS NOT NULL,
                 x.event IS NOT NULL AND x.object IS NULL AND x.full_event IS NULL
             FROM events e LEFT JOIN resolutions r ON r.event = e.seq
             LEFT JOIN resolved x ON x.event = e.seq WHERE e.seq = $1",
            &[&seq],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Thin {
        seq,
        deliveries: get(&row, 0)?,
        waits: get(&row, 1)?,
        came_to_nothing: get(&row, 2)?,
    }))
}

/// Whether a handler has been given the event, in the form without its object.
async fn has_run(tx: &Tx, thin: &Thin) -> Result<bool, Fault> {
    tx.exists(
        "SELECT 1 FROM attempts WHERE delivery = ANY ($1) LIMIT 1",
        &[&thin.deliveries],
    )
    .await
}

async fn replace_waiting(tx: &mut Tx, thin: &Thin, new: &PreparedEvent) -> Result<(), Fault> {
    let why = in_its_place(new.event.id);
    for id in &thin.deliveries {
        let Some(row) = tx.delivery(*id).await? else {
            continue;
        };
        if new.handlers.iter().any(|to| to.handler == row.handler) {
            replace_unrun(tx, row, &why).await?;
        }
    }
    Ok(())
}

fn in_its_place(snapshot: EventId) -> String {
    format!("its snapshot event {snapshot} came before its object was read, and goes in its place")
}
