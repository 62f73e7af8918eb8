//! Actions of operators on handlers' state: set and delete values.

use rusqlite::{Result, params};

use super::super::state;
use crate::engine::KEPT_STATE_CHANGES;
use crate::sqlite::read::state::get;
use crate::sqlite::values::{int, non_empty};
use crate::sqlite::write::Transaction;
use crate::{Intervened, Intervention, StateChange};
use tollgate_base::event::HandlerName;

/// Changes values, all or none: none if one of them has another version than the change asks for.
pub(crate) fn change(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    handler: &HandlerName,
    changes: &[StateChange],
) -> Result<Vec<Intervened>> {
    let number = tx.handler(handler)?;
    let found: Vec<Found> = changes
        .iter()
        .map(|change| Found::find(tx, number, change))
        .collect::<Result<_>>()?;
    if found.iter().any(|found| !found.stands) {
        let answer = |found: &Found| match found.stands {
            true => Intervened::Unchanged,
            false => Intervened::Version,
        };
        return Ok(found.iter().map(answer).collect());
    }
    for (change, found) in changes.iter().zip(&found) {
        let value = change.value.as_deref().map(Into::into);
        state::apply(tx, number, None, vec![(change.key.as_str(), value)])?;
        note(tx, by, number, change, found)?;
    }
    forget_old(tx)?;
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
    fn find(tx: &Transaction<'_>, handler: i64, change: &StateChange) -> Result<Self> {
        let before = get(tx.conn(), handler, &change.key)?;
        let wanted = change.if_version;
        Ok(Self {
            bytes: before.value.as_ref().map(Vec::len),
            stands: wanted.is_none_or(|wanted| wanted == before.version),
        })
    }
}

/// Writes the change down, without the value.
fn note(
    tx: &Transaction<'_>,
    by: &Intervention,
    handler: i64,
    change: &StateChange,
    found: &Found,
) -> Result<()> {
    let after = change.value.as_ref().map(Vec::len);
    if found.bytes.is_none() && after.is_none() {
        return Ok(());
    }
    let length = |bytes: Option<usize>| bytes.map(|bytes| bytes as i64);
    tx.execute(
        "INSERT INTO state_changes (handler, key, at, action, before, after, who, why)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            handler,
            change.key,
            int(tx.now().wall),
            if after.is_some() { "set" } else { "delete" },
            length(found.bytes),
            length(after),
            by.who,
            non_empty(&by.why),
        ],
    )?;
    Ok(())
}

fn forget_old(tx: &Transaction<'_>) -> Result<()> {
    tx.execute(
        "DELETE FROM state_changes
         WHERE seq <= (SELECT coalesce(max(seq), 0) FROM state_changes) - ?1",
        [KEPT_STATE_CHANGES],
    )?;
    Ok(())
}
