//! Going over all events for one kind of work of a sweep.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;

/// Events that one step looks at.
pub(crate) const PAGE: usize = 500;

/// Events that a pass remembers to look at again.
const REMEMBERED: usize = 10_000;

/// The state of an event for one kind of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The work is to be done now.
    Ready,
    /// The event is old enough, but has not ended.
    NotEnded,
    /// The event is too young.
    Young,
    /// The work was done before, or another kind of work does it.
    Done,
    /// The work does not concern the event.
    Foreign,
}

/// One kind of work, and how far it has come.
pub(crate) struct Pass<K> {
    pub(crate) kind: K,
    /// The last event that was looked at, in order.
    pub(crate) after: i64,
    /// The events up to there that are old enough and have not ended.
    unended: BTreeSet<i64>,
    /// The first event that did not fit into `unended`.
    forgotten: Option<i64>,
    /// The last event of `unended` that was looked at again; `None` when all were.
    revisited: Option<i64>,
}

impl<K> Pass<K> {
    /// A pass that has looked at nothing yet.
    pub(crate) fn new(kind: K) -> Self {
        Self {
            kind,
            after: 0,
            unended: BTreeSet::new(),
            forgotten: None,
            revisited: None,
        }
    }

    /// Takes the verdicts on the next page of events, and adds those that are ready to `found`;
    /// returns whether the pass has come to its end.
    pub(crate) fn take(&mut self, page: &[(i64, Verdict)], found: &mut VecDeque<i64>) -> bool {
        let full = page.len() == PAGE;
        let mut young = Vec::new();
        let mut any_old = false;
        for &(seq, verdict) in page {
            match verdict {
                Verdict::Young => young.push(seq),
                Verdict::Foreign if young.is_empty() => self.after = seq,
                Verdict::Foreign => {}
                Verdict::Ready | Verdict::NotEnded | Verdict::Done => {
                    // A young event stands before an old one if the clock was set.
                    young.drain(..).for_each(|seq| self.remember(seq));
                    any_old = true;
                    self.after = seq;
                }
            }
            match verdict {
                Verdict::Ready => found.push_back(seq),
                Verdict::NotEnded => self.remember(seq),
                _ => {}
            }
        }
        !full || !young.is_empty() && !any_old
    }

    /// The next page of events that had not ended; `None` if all were looked at again.
    pub(crate) fn again(&mut self) -> Option<Vec<i64>> {
        let from = self.revisited?;
        let behind = (Bound::Excluded(from), Bound::Unbounded);
        let page: Vec<i64> = self.unended.range(behind).take(PAGE).copied().collect();
        self.revisited = page.last().copied();
        Some(page)
    }

    /// Takes the verdicts on events that had not ended.
    pub(crate) fn take_again(&mut self, page: &[(i64, Verdict)], found: &mut VecDeque<i64>) {
        for (seq, verdict) in page {
            if !matches!(verdict, Verdict::NotEnded | Verdict::Young) {
                self.unended.remove(seq);
            }
            if *verdict == Verdict::Ready {
                found.push_back(*seq);
            }
        }
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
        self.revisited = (!self.unended.is_empty()).then_some(0);
    }
}
