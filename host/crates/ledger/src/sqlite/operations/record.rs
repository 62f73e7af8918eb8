//! Recording the events of one request.

use rusqlite::{OptionalExtension, Result, params};

use super::insert_event::insert_event;
use crate::engine::PreparedEvent;
use crate::sqlite::counters::Counter;
use crate::sqlite::values::int;
use crate::sqlite::write::{Operation, Transaction};
use crate::{NewEvent, Recorded};
use tollgate_base::event::EventId;

/// Records the events of one request, all or none. The answers are in the order of the
/// events.
pub(crate) struct Record {
    events: Vec<PreparedEvent>,
}

impl Record {
    /// Prepares the events on the caller's thread.
    pub(crate) fn new(events: Vec<NewEvent>) -> Self {
        Self {
            events: events.into_iter().map(PreparedEvent::from).collect(),
        }
    }
}

impl Operation for Record {
    type Answer = Vec<Recorded>;

    fn weight(&self) -> usize {
        self.events.iter().map(PreparedEvent::weight).sum()
    }

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<Vec<Recorded>> {
        let events = self.events.iter();
        let recorded = events.map(|new| match insert_event(tx, new)? {
            Some((_, None)) => Ok(Recorded::New(new.event.id)),
            Some((_, Some(same_bytes_as))) => Ok(Recorded::Marked {
                id: new.event.id,
                same_bytes_as,
            }),
            None => count_duplicate(tx, new),
        });
        recorded.collect()
    }
}

/// Counts one more arrival of an event that is on record.
fn count_duplicate(tx: &mut Transaction<'_>, new: &PreparedEvent) -> Result<Recorded> {
    tx.count(Counter::Duplicates, 1);
    let Some((seq, id, same_bytes)) = first_of(tx, new)? else {
        // Only the event's key is left.
        return Ok(Recorded::Duplicate {
            first: None,
            same_bytes: true,
        });
    };
    tx.execute(
        "UPDATE events SET duplicates = duplicates + 1,
             duplicates_differing = duplicates_differing + ?2, last_duplicate = ?3
         WHERE seq = ?1",
        params![seq, !same_bytes, int(tx.now().wall)],
    )?;
    if !same_bytes {
        tx.count(Counter::DuplicatesDiffering, 1);
    }
    Ok(Recorded::Duplicate {
        first: Some(id),
        same_bytes,
    })
}

/// The number and id of the event that has this dedup key, and whether both have the same
/// bytes. A payload that is gone counts as the same. `None` if the event has no row any more.
fn first_of(tx: &Transaction<'_>, new: &PreparedEvent) -> Result<Option<(i64, EventId, bool)>> {
    let Some(event) = tx.event_of_key(&new.dedup.0)? else {
        return Ok(None);
    };
    tx.prepare(
        "SELECT e.seq, e.id, b.event IS NULL OR e.erased IS NOT NULL OR b.payload IS ?2
         FROM events e LEFT JOIN bodies b ON b.event = e.seq WHERE e.seq = ?1",
    )?
    .query_row(params![event, &new.event.payload[..]], |row| {
        Ok((row.get(0)?, EventId::from_bytes(row.get(1)?), row.get(2)?))
    })
    .optional()
}
