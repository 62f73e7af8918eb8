//! Recording the scheduled events that are due.

use rusqlite::{Result, params};

use super::insert_event::insert_event;
use super::prepared::PreparedEvent;
use crate::sqlite::read::schedule::{entry, select};
use crate::sqlite::rows;
use crate::sqlite::values::int;
use crate::sqlite::write::{Operation, Transaction};
use crate::{Address, Fired, Scheduled};
use tollgate_base::time::WallTime;

/// Makes events of a bounded number of entries that are due, earliest first.
pub(crate) struct Fire {
    /// The time by which entries are due.
    pub(crate) now: WallTime,
    /// The order of each event's delivery, as the manifest has it now.
    pub(crate) address: Address,
}

/// How many entries one transaction makes events of, so that nobody waits long for the commit
/// when many entries fall due at once.
const STEP: usize = 200;

/// How many bytes of payload one transaction makes events of; one entry may have more.
const STEP_BYTES: usize = 1 << 20;

impl Operation for Fire {
    type Answer = Fired;

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<Fired> {
        let mut fired = Fired::default();
        for (seq, handler, entry) in due(tx, self.now)? {
            tx.execute("DELETE FROM schedule WHERE seq = ?1", [seq])?;
            tx.count_scheduled(handler, -1);
            let event = PreparedEvent::from(entry.into_event(self.now, &self.address));
            // A known event was scheduled by an earlier run with the same idempotency keys.
            fired.events += u64::from(insert_event(tx, &event)?.is_some());
        }
        fired.next = tx
            .prepare(
                "SELECT min(due) FROM (SELECT min(due) AS due FROM schedule WHERE steady = 0
                 UNION ALL SELECT min(due) - ?1 FROM schedule WHERE steady = 1)",
            )?
            .query_row([tx.now().ahead.as_millis()], |row| rows::maybe_wall(row, 0))?;
        Ok(fired)
    }
}

/// The first entries that are due, with their numbers and their handlers' numbers.
fn due(tx: &Transaction<'_>, now: WallTime) -> Result<Vec<(i64, i64, Scheduled)>> {
    let mut statement = tx.prepare(&select("AND ?3 IS NULL"))?;
    let handler: Option<i64> = None;
    let ahead = tx.now().ahead.as_millis();
    let mut rows = statement.query(params![STEP as i64, ahead, handler, int(now)])?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while bytes < STEP_BYTES
        && let Some(row) = rows.next()?
    {
        let entry = entry(row)?;
        bytes += entry.2.payload.len();
        found.push(entry);
    }
    Ok(found)
}
