//! Actions of operators on handlers' state: set and delete values.

use super::super::state;
use crate::engine::KEPT_STATE_CHANGES;
use crate::postgres::error::Fault;
use crate::postgres::read::state::get;
use crate::postgres::text::Text;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{int, non_empty};
use crate::{Intervened, Intervention, StateChange};
use tollgate_base::event::HandlerName;

/// Changes values, all or none: none if one of them has another version than the change asks for.
pub(super) async fn change(
    tx: &mut Tx,
    by: &Intervention,
    handler: &HandlerName,
    changes: &[StateChange],
) -> Result<Vec<Intervened>, Fault> {
    let mut found = Vec::with_capacity(changes.len());
    for change in changes {
        found.push(Found::find(tx, handler, change).await?);
    }
    if found.iter().any(|found| !found.stands) {
        let answer = |found: &Found| match found.stands {
            true => Intervened::Unchanged,
            false => Intervened::Version,
        };
        return Ok(found.iter().map(answer).collect());
    }
    for (change, found) in changes.iter().zip(&found) {
        let write = (change.key.clone(), change.value.clone());
        state::apply(tx, handler, None, vec![write]).await?;
        note(tx, by, handler, change, found).await?;
    }
    forget_old(tx).await?;
    let answer = |(change, found): (&StateChange, &Found)| match (&change.value, found.bytes) {
        (None, None) => Intervened::Missing,
        _ => Intervened::Done,
    };
    Ok(changes.iter().zip(&found).map(answer).collect())
}

/// A value before its change.
struct Found {
    bytes: Option<usize>,
    /// Whether the value has the version that the change asks for.
    stands: bool,
}

impl Found {
    async fn find(tx: &Tx, handler: &HandlerName, change: &StateChange) -> Result<Self, Fault> {
        let before = get(tx.conn(), handler, &change.key).await?;
        let wanted = change.if_version;
        Ok(Self {
            bytes: before.value.as_ref().map(Vec::len),
            stands: wanted.is_none_or(|wanted| wanted == before.version),
        })
    }
}

/// Writes the change down, without the value.
async fn note(
    tx: &mut Tx,
    by: &Intervention,
    handler: &HandlerName,
    change: &StateChange,
    found: &Found,
) -> Result<(), Fault> {
    let after = change.value.as_ref().map(Vec::len);
    if found.bytes.is_none() && after.is_none() {
        return Ok(());
    }
    let seq = tx.numbers.number();
    tx.execute(
        "INSERT INTO state_changes (seq, handler, key, at, action, before, after, who, why)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            &seq,
            &Text(handler.as_str()),
            &Text(&change.key),
            &int(tx.now.wall),
            &if after.is_some() { "set" } else { "delete" },
            &found.bytes.map(int),
            &after.map(int),
            &Text(&by.who),
            &non_empty(&by.why),
        ],
    )
    .await?;
    Ok(())
}

async fn forget_old(tx: &Tx) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM state_changes WHERE seq <= (
             SELECT seq FROM state_changes ORDER BY seq DESC OFFSET $1 LIMIT 1)",
        &[&KEPT_STATE_CHANGES],
    )
    .await?;
    Ok(())
}
