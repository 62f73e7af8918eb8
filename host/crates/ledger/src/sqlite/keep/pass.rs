//! Going over all events for one kind of work.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;

use rusqlite::{Connection, Result};

use super::history::EventRow;
use super::judge::{Kind, Verdict, oldest_kept};
use crate::Retention;
use crate::sqlite::newest;
use tollgate_base::time::Ages;

/// Rows of events that one step reads.
pub(crate) const PAGE: usize = 500;

/// Events that a pass remembers to look at again.
const REMEMBERED: usize = 10_000;

/// One kind of work, and how far it has come.
pub(crate) struct Pass {
    pub(crate) kind: Kind,
    /// The last event that was looked at, in order.
    after: i64,
    /// The events up to there that are old enough and have not ended.
    unended: BTreeSet<i64>,
    /// The first event that did not fit into `unended`.
    forgotten: Option<i64>,
    /// The last event of `unended` that was looked at again; `None` when all were.
    revisited: Option<i64>,
}

impl Pass {
    /// A pass that has looked at nothing yet.
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            after: 0,
            unended: BTreeSet::new(),
            forgotten: None,
            revisited: None,
        }
    }

    /// Looks at one page and adds the events that are ready to `found`; returns whether the
    /// pass has come to its end.
    pub(crate) fn look(
        &mut self,
        conn: &Connection,
        retention: &Retention,
        ages: Ages,
        found: &mut VecDeque<i64>,
    ) -> Result<bool> {
        if matches!(self.kind, Kind::ForgetNewest) {
            return self.look_for_newest(conn, found);
        }
        if let Some(from) = self.revisited {
            self.look_again(conn, retention, ages, from, found)?;
            return Ok(false);
        }
        let page = EventRow::after(conn, self.after, PAGE)?;
        let full = page.len() == PAGE;
        let mut young = Vec::new();
        let mut any_old = false;
        for event in page {
            let verdict = self.kind.judge(conn, retention, &event, ages)?;
            match verdict {
                Verdict::Young => young.push(event.seq),
                Verdict::Foreign if young.is_empty() => self.after = event.seq,
                Verdict::Foreign => {}
                Verdict::Ready | Verdict::NotEnded | Verdict::Done => {
                    // A young event stands before an old one if the clock was set.
                    young.drain(..).for_each(|seq| self.remember(seq));
                    any_old = true;
                    self.after = event.seq;
                }
            }
            match verdict {
                Verdict::Ready => found.push_back(event.seq),
                Verdict::NotEnded => self.remember(event.seq),
                _ => {}
            }
        }
        Ok(!full || !young.is_empty() && !any_old)
    }

    /// Looks at a page of the events for which newest ranks are kept, as far as they are older
    /// than all events that are kept.
    fn look_for_newest(&mut self, conn: &Connection, found: &mut VecDeque<i64>) -> Result<bool> {
        let end = oldest_kept(conn)?.unwrap_or(i64::MAX);
        let page = newest::kept_for(conn, self.after, end, PAGE)?;
        self.after = page.last().copied().unwrap_or(self.after);
        let full = page.len() == PAGE;
        found.extend(page);
        Ok(!full)
    }

    /// Looks again at a page of the events that had not ended.
    fn look_again(
        &mut self,
        conn: &Connection,
        retention: &Retention,
        ages: Ages,
        from: i64,
        found: &mut VecDeque<i64>,
    ) -> Result<()> {
        let page: Vec<i64> = self
            .unended
            .range((Bound::Excluded(from), Bound::Unbounded))
            .take(PAGE)
            .copied()
            .collect();
        self.revisited = page.last().copied();
        for seq in page {
            let verdict = match EventRow::find(conn, seq)? {
                Some(event) => self.kind.judge(conn, retention, &event, ages)?,
                None => Verdict::Done,
            };
            if !matches!(verdict, Verdict::NotEnded | Verdict::Young) {
                self.unended.remove(&seq);
            }
            if verdict == Verdict::Ready {
                found.push_back(seq);
            }
        }
        Ok(())
    }

    /// Remembers an event for the next sweep.
    pub(crate) fn remember(&mut self, seq: i64) {
        if self.unended.len() < REMEMBERED {
            self.unended.insert(seq);
        } else {
            self.forgotten.get_or_insert(seq);
        }
    }

    /// Prepares the pass for the next sweep.
    pub(crate) fn restart(&mut self) {
        if let Some(forgotten) = self.forgotten.take() {
            self.after = forgotten - 1;
        }
        if matches!(self.kind, Kind::ForgetNewest) {
            // Some of the keys may have had deliveries to run.
            self.after = 0;
        }
        self.revisited = (!self.unended.is_empty()).then_some(0);
    }
}
