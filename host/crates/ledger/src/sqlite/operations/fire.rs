//! Recording the scheduled events that are due.

use rusqlite::Result;

use super::insert_event::insert_event;
use crate::engine::PreparedEvent;
use crate::sqlite::read::schedule;
use crate::sqlite::write::{Operation, Transaction};
use crate::{DueEntry, Fired, Recipient};
use tollgate_base::time::WallTime;

/// Turns entries into events, each entry if it is still as it was read.
pub(crate) struct Fire {
    entries: Vec<(DueEntry, PreparedEvent)>,
}

impl Fire {
    /// Fires these entries at `now`.
    pub(crate) fn new(now: WallTime, entries: Vec<(DueEntry, Recipient)>) -> Self {
        let prepare = |(due, recipient): (DueEntry, Recipient)| {
            let event = due.entry.new_event(now, recipient);
            (due, event.into())
        };
        Self {
            entries: entries.into_iter().map(prepare).collect(),
        }
    }
}

impl Operation for Fire {
    type Answer = Fired;

    fn weight(&self) -> usize {
        let weights = self.entries.iter().map(|(_, event)| event.weight());
        weights.sum()
    }

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<Fired> {
        let mut fired = Fired::default();
        for (due, event) in &self.entries {
            let seq = due.version.0;
            // A number may be given again, and a payload erased: the content decides.
            let found = schedule::get(tx.conn(), seq, tx.now().ahead)?;
            let Some((handler, _)) = found.filter(|(_, entry)| *entry == due.entry) else {
                fired.left_out += 1;
                continue;
            };
            tx.execute("DELETE FROM schedule WHERE seq = ?1", [seq])?;
            tx.count_scheduled(handler, -1);
            // A known event was scheduled by an earlier run with the same idempotency keys.
            fired.events += u64::from(insert_event(tx, event)?.is_some());
        }
        Ok(fired)
    }
}
