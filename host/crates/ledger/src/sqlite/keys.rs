//! The keys by which duplicates are known: those of the newest events in memory, all others in
//! the table `dedup`.
//!
//! Keys are hashes, so each row of that table lies in a page of its own: with millions of
//! them, every event would have one more page written than all else of it takes. So the keys of
//! new events are kept in memory (their events' rows have them, from which the next process
//! gets them again) until there are many. Then these are sorted and written, some with each
//! commit: neighbours share pages.
//!
//! Every key is known to be in memory, in the table, or in both, at each commit: the counter
//! [`Counter::Folded`] says up to which event all keys are in the table.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::tally::{Counter, Tally};

/// So many keys in memory are sorted and written: with five million in the table five of
/// them share a page. About 10 MB, and a tenth of a second at the start. Few where tests run,
/// so that it happens there.
pub(super) const MANY: usize = if cfg!(debug_assertions) { 60 } else { 1 << 17 };

/// How many are written for each that comes, so that they are before as many have come again.
const FOR_EACH: usize = 2;

/// How many are written with a commit that brings fewer events.
const LEAST: usize = 16;

type Key = [u8; 16];

/// The keys in memory.
#[derive(Default)]
pub(super) struct RecentKeys {
    /// The event that has each.
    events: HashMap<Key, i64>,
    /// What the transaction under way has changed, with what was there before.
    undo: Vec<(Key, Option<i64>)>,
    /// Those that are being written, in their order.
    sorted: Vec<(Key, i64)>,
    /// How many of them have been, by committed transactions and by the one under way.
    written: usize,
    writing: usize,
    /// The last event when they were sorted.
    up_to: i64,
}

impl RecentKeys {
    /// Those that may not be in the table.
    pub(super) fn load(conn: &Connection, tally: &Tally) -> Result<Self> {
        let events = conn
            .prepare("SELECT dedup, seq FROM events WHERE seq > ?1")?
            .query_map([tally.get(Counter::Folded)], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<_>>()?;
        Ok(Self {
            events,
            ..Self::default()
        })
    }

    /// The place of the event that has this key.
    pub(super) fn event_of(&self, conn: &Connection, key: &Key) -> Result<Option<i64>> {
        match self.events.get(key) {
            Some(event) => Ok(Some(*event)),
            None => conn
                .prepare_cached("SELECT event FROM dedup WHERE key = ?1")?
                .query_row([key], |row| row.get(0))
                .optional(),
        }
    }

    /// Gives a key that is not known to an event that is being recorded.
    pub(super) fn insert(&mut self, key: Key, event: i64) {
        let before = self.events.insert(key, event);
        self.undo.push((key, before));
    }

    /// Forgets an event's own key.
    pub(super) fn remove(&mut self, conn: &Connection, key: Key, event: i64) -> Result<u64> {
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

    /// Writes an event's own key, whose row is about to go.
    pub(super) fn settle(&self, conn: &Connection, key: &Key, event: i64) -> Result<()> {
        if self.events.get(key) == Some(&event) {
            write(conn, key, event)?;
        }
        Ok(())
    }

    /// Writes some of those that are sorted, if any are, within the transaction under way.
    pub(super) fn fold(&mut self, conn: &Connection, tally: &mut Tally) -> Result<()> {
        self.writing = self.written;
        if self.sorted.is_empty() {
            return Ok(());
        }
        let some = (self.undo.len() * FOR_EACH).max(LEAST);
        let end = self.sorted.len().min(self.written + some);
        for (key, event) in &self.sorted[self.written..end] {
            // It may have been forgotten since.
            if self.events.get(key) == Some(event) {
                write(conn, key, *event)?;
            }
        }
        self.writing = end;
        if end == self.sorted.len() {
            tally.set(Counter::Folded, self.up_to);
        }
        Ok(())
    }

    /// The transaction under way is committed; `last` is the last event that there is.
    pub(super) fn committed(&mut self, last: i64) {
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

    /// How much the transaction under way has changed.
    pub(super) fn mark(&self) -> usize {
        self.undo.len()
    }

    /// The transaction under way is undone back to a [mark](Self::mark).
    pub(super) fn undone(&mut self, mark: usize) {
        for (key, before) in self.undo.drain(mark..).rev() {
            match before {
                Some(event) => self.events.insert(key, event),
                None => self.events.remove(&key),
            };
        }
        self.writing = self.written;
    }
}

/// Puts a key into the table, where it may be already.
pub(super) fn write(conn: &Connection, key: &Key, event: i64) -> Result<bool> {
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
        let mark = keys.mark();
        assert_eq!(keys.remove(&conn, a, 1).unwrap(), 1);
        assert_eq!(keys.remove(&conn, b, 1).unwrap(), 0, "another event's");
        keys.insert(a, 4);
        let of = |keys: &RecentKeys| [a, b, c].map(|key| keys.event_of(&conn, &key).unwrap());
        assert_eq!(of(&keys), [Some(4), Some(2), Some(3)]);
        keys.undone(mark);
        assert_eq!(of(&keys), [Some(1), Some(2), Some(3)]);
        keys.undone(0);
        assert_eq!(of(&keys), [Some(1), Some(2), None]);
    }
}
