//! The dedup keys of the newest events. All other keys are in the table `dedup`.
//!
//! Keys are hashes, so neighbours in the table come from unrelated events. With millions of
//! keys, each new key would go to a page of its own, and every event would cost one more page
//! than all its other rows. So the keys of new events stay in memory until there are many. Then
//! they are sorted and written, some with each commit: sorted neighbours share pages. The next
//! process reads the keys that are not in the table from the rows of their events.
//!
//! At each commit, every key is in memory, in the table, or in both. The counter
//! [`Counter::Folded`] says up to which event all keys are in the table.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::sqlite::counters::{Counter, Counters};

/// When so many keys are in memory, they are sorted and written. With five million keys in the
/// table, five of them share a page. They take about 10 MB, and a tenth of a second at the
/// start. In a test build the number is small, so that tests reach it.
pub(crate) const MANY: usize = if cfg!(debug_assertions) { 60 } else { 1 << 17 };

/// How many keys are written for each new one, so that all of them are written before as many
/// new ones have come.
const FOR_EACH: usize = 2;

/// How many keys are written at least with each commit.
const LEAST: usize = 16;

type Key = [u8; 16];

/// The keys in memory.
#[derive(Default)]
pub(crate) struct RecentKeys {
    /// The event of each key.
    events: HashMap<Key, i64>,
    /// The keys that the present transaction has changed, with their events before.
    undo: Vec<(Key, Option<i64>)>,
    /// The keys that are being written, sorted.
    sorted: Vec<(Key, i64)>,
    /// How many of `sorted` the committed transactions have written.
    written: usize,
    /// How many of `sorted` are written if the present transaction commits.
    writing: usize,
    /// The last event at the time of sorting.
    up_to: i64,
}

impl RecentKeys {
    /// The keys that may not be in the table.
    pub(crate) fn load(conn: &Connection, counters: &Counters) -> Result<Self> {
        let events = conn
            .prepare("SELECT dedup, seq FROM events WHERE seq > ?1")?
            .query_map([counters.get(Counter::Folded)], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<_>>()?;
        Ok(Self {
            events,
            ..Self::default()
        })
    }

    /// The number of the event that has this key.
    pub(crate) fn event_of(&self, conn: &Connection, key: &Key) -> Result<Option<i64>> {
        match self.events.get(key) {
            Some(event) => Ok(Some(*event)),
            None => conn
                .prepare_cached("SELECT event FROM dedup WHERE key = ?1")?
                .query_row([key], |row| row.get(0))
                .optional(),
        }
    }

    /// Gives an unknown key to an event that is being recorded.
    pub(crate) fn insert(&mut self, key: Key, event: i64) {
        let before = self.events.insert(key, event);
        self.undo.push((key, before));
    }

    /// Removes an event's own key; returns how many keys that were.
    pub(crate) fn remove(&mut self, conn: &Connection, key: Key, event: i64) -> Result<u64> {
        let was_here = self.events.get(&key) == Some(&event);
        if was_here {
            self.events.remove(&key);
            self.undo.push((key, Some(event)));
        }
        let removed = conn
            .prepare_cached("DELETE FROM dedup WHERE key = ?1 AND event = ?2")?
            .execute(params![key, event])?;
        Ok(u64::from(was_here).max(removed as u64))
    }

    /// Writes an event's own key to the table, if only memory has it: the event's row is about
    /// to go.
    pub(crate) fn keep(&self, conn: &Connection, key: &Key, event: i64) -> Result<()> {
        if self.events.get(key) == Some(&event) {
            write(conn, key, event)?;
        }
        Ok(())
    }

    /// Writes some of the sorted keys to the table, within the present transaction.
    pub(crate) fn fold(&mut self, conn: &Connection, counters: &mut Counters) -> Result<()> {
        self.writing = self.written;
        if self.sorted.is_empty() {
            return Ok(());
        }
        let some = (self.undo.len() * FOR_EACH).max(LEAST);
        let end = self.sorted.len().min(self.written + some);
        for (key, event) in &self.sorted[self.written..end] {
            // The key may have been removed since.
            if self.events.get(key) == Some(event) {
                write(conn, key, *event)?;
            }
        }
        self.writing = end;
        if end == self.sorted.len() {
            counters.set(Counter::Folded, self.up_to);
        }
        Ok(())
    }

    /// Notes that the present transaction is committed. `last` is the last event.
    pub(crate) fn committed(&mut self, last: i64) {
        self.undo.clear();
        self.written = self.writing;
        if !self.sorted.is_empty() && self.written == self.sorted.len() {
            for (key, event) in std::mem::take(&mut self.sorted) {
                if self.events.get(&key) == Some(&event) {
                    self.events.remove(&key);
                }
            }
            (self.written, self.writing) = (0, 0);
        }
        if self.sorted.is_empty() && self.events.len() >= MANY {
            self.sorted = self
                .events
                .iter()
                .map(|(key, event)| (*key, *event))
                .collect();
            self.sorted.sort_unstable();
            self.up_to = last;
        }
    }

    /// The number of changes that the present transaction has made.
    pub(crate) fn changes(&self) -> usize {
        self.undo.len()
    }

    /// Takes back all but the first so many changes of the present transaction.
    pub(crate) fn undo_to(&mut self, changes: usize) {
        for (key, before) in self.undo.drain(changes..).rev() {
            match before {
                Some(event) => self.events.insert(key, event),
                None => self.events.remove(&key),
            };
        }
        self.writing = self.written;
    }
}

/// Writes a key to the table; false if the table has it already.
pub(crate) fn write(conn: &Connection, key: &Key, event: i64) -> Result<bool> {
    let inserted = conn
        .prepare_cached("INSERT INTO dedup (key, event) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![key, event])?;
    Ok(inserted > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_transaction_changed_is_undone_with_it() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE dedup (key BLOB PRIMARY KEY, event INTEGER)")
            .unwrap();
        let mut keys = RecentKeys::default();
        let [a, b, c] = [[1; 16], [2; 16], [3; 16]];
        keys.insert(a, 1);
        keys.insert(b, 2);
        keys.committed(2);
        keys.insert(c, 3);
        let changes = keys.changes();
        assert_eq!(keys.remove(&conn, a, 1).unwrap(), 1);
        assert_eq!(keys.remove(&conn, b, 1).unwrap(), 0, "another event's");
        keys.insert(a, 4);
        let of = |keys: &RecentKeys| [a, b, c].map(|key| keys.event_of(&conn, &key).unwrap());
        assert_eq!(of(&keys), [Some(4), Some(2), Some(3)]);
        keys.undo_to(changes);
        assert_eq!(of(&keys), [Some(1), Some(2), Some(3)]);
        keys.undo_to(0);
        assert_eq!(of(&keys), [Some(1), Some(2), None]);
    }
}
