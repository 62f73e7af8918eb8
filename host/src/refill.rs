//! The part of the work that memory leaves in the ledger, and when to claim more of it.
//!
//! The dispatcher and the outbox hold a bounded part of the ledger's work in memory. The rest
//! stays in the ledger until there is room for it, or until it is due. [`Remainder`] says whether
//! to claim at all. It holds no place in the ledger.

use tollgate_base::time::SteadyTime;

/// The work that the ledger holds beyond memory, as far as is known.
///
/// A claim takes time. Meanwhile more work may be left in the ledger, or become due there. So a
/// note that is made after a claim began outlives the claim's answer.
#[derive(Debug)]
pub(crate) struct Remainder {
    /// The ledger may hold work that could be done at once.
    more: bool,
    /// The same, noted since the last claim began.
    noted: bool,
    /// When the ledger holds work that is due later, the earliest time.
    next: Option<SteadyTime>,
}

impl Remainder {
    /// Before the first claim: all that there is may be in the ledger.
    pub(crate) fn unknown() -> Self {
        Self {
            more: true,
            noted: true,
            next: None,
        }
    }

    /// The ledger holds nothing beyond memory.
    pub(crate) fn nothing() -> Self {
        Self {
            more: false,
            noted: false,
            next: None,
        }
    }

    /// Whether the ledger holds nothing beyond memory, as far as is known.
    pub(crate) fn is_nothing(&self) -> bool {
        !self.more && self.next.is_none()
    }

    /// Whether to claim at `now`. `has_room` says whether memory holds less than one half (2) or
    /// the whole (1) of its limit. If much waits in the ledger, memory is refilled once half of it
    /// is free, so that each claim takes many items.
    pub(crate) fn wants_claim(&self, now: SteadyTime, has_room: impl Fn(usize) -> bool) -> bool {
        let due = self.next.is_some_and(|next| next <= now);
        self.more && has_room(2) || due && has_room(1)
    }

    /// Whether the ledger may hold work that could be done at once. New work is left there
    /// then, too, so that older work comes first.
    pub(crate) fn is_behind(&self) -> bool {
        self.more
    }

    /// When the ledger holds work that is due later, as far as is known.
    pub(crate) fn next(&self) -> Option<SteadyTime> {
        self.next
    }

    /// Work that could be done at once was left in the ledger.
    pub(crate) fn left_behind(&mut self) {
        self.more = true;
        self.noted = true;
    }

    /// The ledger holds work that is due then.
    pub(crate) fn due_at(&mut self, due: SteadyTime) {
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
    }

    /// A claim begins.
    pub(crate) fn claim_begins(&mut self) {
        self.noted = false;
        self.next = None;
    }

    /// The claim has ended: whether there is more than it could take, and when the next work is
    /// due.
    pub(crate) fn claim_ended(&mut self, more: bool, next: Option<SteadyTime>) {
        self.more = more || self.noted;
        next.into_iter().for_each(|next| self.due_at(next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SteadyTime {
        SteadyTime::from_millis(millis)
    }

    #[test]
    fn an_answer_counts_for_what_was_known_before_the_claim() {
        let mut rest = Remainder::unknown();
        assert!(rest.is_behind());
        rest.claim_begins();
        rest.claim_ended(false, Some(at(9)));
        assert!(!rest.is_behind());
        assert_eq!(rest.next(), Some(at(9)));
        rest.claim_begins();
        assert_eq!(rest.next(), None, "the answer says it anew");
        rest.left_behind();
        rest.due_at(at(5));
        rest.claim_ended(false, Some(at(9)));
        assert!(rest.is_behind(), "the claim may have read before that");
        assert_eq!(rest.next(), Some(at(5)));
    }
}
