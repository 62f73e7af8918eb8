//! The deliveries in a state that has an index: those that are due, and dead ones.

use rusqlite::{Connection, Result};

use crate::{DeliveryState, StateFilter};

/// If more deliveries than these are in a state, a list does not look for them by the index.
const MOST: usize = 10_000;

/// The numbers of the deliveries in this state, and of their events, in any order; `None` if there
/// are many, or if the state has no index.
pub(super) fn deliveries_in(
    conn: &Connection,
    state: Option<StateFilter>,
) -> Result<Option<Vec<(i64, i64)>>> {
    let mut found = Vec::new();
    for part in parts(state) {
        // The indexes of due deliveries begin with the handler, so that they are read whole.
        let sql = format!("SELECT seq, event FROM deliveries INDEXED BY {part} LIMIT ?1");
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query([(MOST + 1 - found.len()) as i64])?;
        while let Some(row) = rows.next()? {
            found.push((row.get(0)?, row.get(1)?));
        }
        if found.len() > MOST {
            return Ok(None);
        }
    }
    Ok((!parts(state).is_empty()).then_some(found))
}

/// The indexes that have all deliveries in a state, each with its condition.
fn parts(state: Option<StateFilter>) -> &'static [&'static str] {
    match state {
        Some(StateFilter::Delivery(DeliveryState::Pending)) => &[
            "deliveries_pending WHERE state = 'pending' AND due IS NULL AND turn IS NOT 2",
            "deliveries_released WHERE state = 'pending' AND due IS NOT NULL",
            "deliveries_behind WHERE state = 'pending' AND turn = 2",
        ],
        Some(StateFilter::Delivery(DeliveryState::Retrying)) => {
            &["deliveries_retrying WHERE state = 'retrying'"]
        }
        Some(StateFilter::Delivery(DeliveryState::Running)) => {
            &["deliveries_running WHERE state = 'running'"]
        }
        Some(StateFilter::Delivery(DeliveryState::Held)) => {
            &["deliveries_held WHERE state = 'held'"]
        }
        Some(StateFilter::Delivery(DeliveryState::Dead)) => {
            &["deliveries_dead WHERE state = 'dead'"]
        }
        // Heads of lines are there too: each row is compared with the filter.
        Some(StateFilter::Blocked) => &["deliveries_ordered WHERE turn IS NOT NULL"],
        Some(
            StateFilter::Delivery(DeliveryState::Done | DeliveryState::Ignored)
            | StateFilter::Unrouted,
        )
        | None => &[],
    }
}
