//! Finds an event by its id, or by the beginning of its id.

use super::Records;
use crate::LedgerError;
use tollgate_base::event::{EventId, ids_beginning};

/// The most ids that an error names.
const NAMED: usize = 5;

/// Why a text leads to no event.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The text is neither an id nor the beginning of one.
    #[error("`{0}` is no event's id, nor the beginning of one (four hex digits at least)")]
    NotAnId(String),
    /// No event has such an id.
    #[error("there is no event {0}")]
    Unknown(String),
    /// Several events have such an id.
    #[error("`{text}` is the beginning of several ids: {}", listed(.ids))]
    Ambiguous {
        /// The text.
        text: String,
        /// The first of the ids.
        ids: Vec<EventId>,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The id of the event that a text means: the id itself, or the beginning of the id of one event.
/// That the event is on record is certain only for a beginning.
///
/// # Errors
/// The text means no event, or several.
pub fn find_event(records: &dyn Records, text: &str) -> Result<EventId, FindError> {
    let range = ids_beginning(text).ok_or_else(|| FindError::NotAnId(text.to_owned()))?;
    let (first, last) = range;
    if first == last {
        return Ok(first);
    }
    let mut ids = records.ids_between(first, last, NAMED + 1)?;
    match ids.len() {
        0 => Err(FindError::Unknown(text.to_owned())),
        1 => Ok(ids.remove(0)),
        _ => Err(FindError::Ambiguous {
            text: text.to_owned(),
            ids,
        }),
    }
}

fn listed(ids: &[EventId]) -> String {
    let named = ids.iter().take(NAMED).map(EventId::to_string);
    let mut named = named.collect::<Vec<_>>().join(", ");
    if ids.len() > NAMED {
        named.push_str(", and more");
    }
    named
}
