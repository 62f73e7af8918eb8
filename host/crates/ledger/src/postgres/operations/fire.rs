//! Recording the scheduled events that are due.

use super::insert_event::{derived_locks, insert_event};
use crate::engine::PreparedEvent;
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::locks::{Locks, Thing, key as lock};
use crate::postgres::read::schedule;
use crate::postgres::transaction::{Operation, Tx};
use crate::{DueEntry, Fired, Recipient};
use tollgate_base::event::HandlerName;
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

    fn locks(&self) -> Locks {
        let mut locks = Locks::default();
        for (due, event) in &self.entries {
            let handler = due.entry.handler.as_str();
            locks.add(lock(Thing::Schedule(handler)), true);
            derived_locks(event, &mut locks);
        }
        locks
    }

    fn handlers(&self) -> Vec<&HandlerName> {
        let recipients = self.entries.iter().flat_map(|(_, event)| &event.handlers);
        recipients.map(|recipient| &recipient.handler).collect()
    }

    async fn apply(&self, tx: &mut Tx) -> Result<Fired, Fault> {
        let mut fired = Fired::default();
        for (due, event) in &self.entries {
            let seq = due.version.0;
            // An operator may have moved the entry, and a payload may be erased: the content
            // decides.
            let found = schedule::get(tx.conn(), seq, tx.now.ahead).await?;
            if found.is_none_or(|entry| entry != due.entry) {
                fired.left_out += 1;
                continue;
            }
            tx.execute("DELETE FROM schedule WHERE seq = $1", &[&seq])
                .await?;
            tx.count(Counter::Scheduled, -1);
            // A known event was scheduled by an earlier run with the same idempotency keys.
            fired.events += u64::from(insert_event(tx, event).await?.is_some());
        }
        Ok(fired)
    }
}
