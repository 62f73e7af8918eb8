//! The events of one source that are in memory, and what is known of those in the ledger.

use std::collections::VecDeque;
use std::time::Duration;

use super::question::{About, Plan, Question};
use tollgate_base::time::{SteadyTime, WallTime};
use tollgate_ledger::{ClaimedResolutions, LeasedResolution, Resolved, Told};

/// How many events of a source are in memory at most: those of a second at a rate of 100 a second
/// would only wait there.
pub(super) const QUEUE: usize = 64;

/// The first wait of a source whose key is refused, and the longest.
const REFUSED: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// An event on its way, with the answers so far.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) leased: LeasedResolution,
    object: Option<Told>,
    event: Option<Told>,
}

impl Work {
    fn new(leased: LeasedResolution) -> Self {
        Self {
            leased,
            object: None,
            event: None,
        }
    }

    /// The next question of the plan without an answer.
    pub(super) fn next<'p>(&self, plan: &'p Plan) -> Option<&'p Question> {
        plan.questions.iter().find(|question| match question.about {
            About::Object => self.object.is_none(),
            About::Event => self.event.is_none(),
        })
    }

    /// Notes an answer.
    pub(super) fn told(&mut self, about: About, told: Told) {
        match about {
            About::Object => self.object = Some(told),
            About::Event => self.event = Some(told),
        }
    }

    /// All answers, the last of which came now.
    pub(super) fn resolved(&mut self, at: WallTime) -> Resolved {
        Resolved {
            at,
            object: self.object.take(),
            event: self.event.take(),
        }
    }
}

/// The events of one source.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) queue: VecDeque<Work>,
    /// When to claim; `None` until there is news.
    claim_at: Option<SteadyTime>,
    /// Since the key was refused: how long to wait, and until when. One event is tried then.
    refused: Option<(Duration, SteadyTime)>,
    /// Whether that one is under way.
    probing: bool,
}

impl Default for Lane {
    /// A lane of which nothing is known.
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            claim_at: Some(SteadyTime::ZERO),
            refused: None,
            probing: false,
        }
    }
}

impl Lane {
    /// There may be more in the ledger.
    pub(super) fn look(&mut self) {
        self.claim_at = Some(SteadyTime::ZERO);
    }

    /// The settings changed, so the key may be another.
    pub(super) fn settings_changed(&mut self) {
        self.refused = None;
        self.look();
    }

    /// Whether to claim now.
    pub(super) fn wants_claim(&self, now: SteadyTime) -> bool {
        self.queue.len() < QUEUE / 2 && self.claim_at.is_some_and(|at| at <= now)
    }

    /// When to claim, if that is later.
    pub(super) fn claims_at(&self) -> Option<SteadyTime> {
        self.claim_at.filter(|_| self.queue.len() < QUEUE / 2)
    }

    /// A claim begins: later news are of events that it may not find.
    pub(super) fn claiming(&mut self) {
        self.claim_at = None;
    }

    /// Takes in what was claimed.
    pub(super) fn claimed(&mut self, claimed: ClaimedResolutions) {
        self.queue.extend(claimed.leased.into_iter().map(Work::new));
        let next = match claimed.more {
            true => Some(SteadyTime::ZERO),
            false => claimed.next,
        };
        self.claim_at = self.claim_at.into_iter().chain(next).min();
    }

    /// A claim failed.
    pub(super) fn claim_failed(&mut self, again: SteadyTime) {
        self.claim_at = Some(again);
    }

    /// An event of the lane is due then.
    pub(super) fn due(&mut self, at: SteadyTime) {
        self.claim_at = Some(self.claim_at.map_or(at, |claim| claim.min(at)));
    }

    /// When the next request may go: not after `now` if one may go now. `None` if that depends on
    /// the end of another.
    pub(super) fn opens_at(&self) -> Option<SteadyTime> {
        match self.refused {
            None => Some(SteadyTime::ZERO),
            Some(_) if self.probing => None,
            Some((_, until)) => Some(until),
        }
    }

    /// Puts the event with the fewest tries first while the key is refused: an event that alone
    /// meets the refusal keeps no other back.
    pub(super) fn choose_probe(&mut self) {
        let tries = |work: &Work| work.leased.resolution.tries;
        let least = self.queue.iter().map(tries).min();
        let first = self
            .queue
            .iter()
            .position(|work| Some(tries(work)) == least);
        if let (Some(_), Some(at)) = (self.refused, first) {
            let work = self.queue.remove(at);
            self.queue.extend(work);
            self.queue.rotate_right(1);
        }
    }

    /// Until when no request goes, since the key is refused.
    pub(super) fn refused_until(&self) -> Option<SteadyTime> {
        self.refused.map(|(_, until)| until)
    }

    /// A request goes.
    pub(super) fn started(&mut self) {
        self.probing = self.refused.is_some();
    }

    /// The host refused the key, for an event that was tried so many times before. Only a new
    /// refusal of the same event makes the wait longer: another event may not meet it.
    pub(super) fn key_refused(&mut self, now: SteadyTime, tries: u32) {
        let (first, longest) = REFUSED;
        let wait = match self.refused {
            // The others that were under way with the key say nothing new.
            Some((_, until)) if !self.probing && until > now => return,
            Some((wait, _)) if tries > 0 => (wait * 2).min(longest),
            _ => first,
        };
        self.refused = Some((wait, now + wait));
        self.probing = false;
    }

    /// The host took the key.
    pub(super) fn key_taken(&mut self) {
        self.refused = None;
        self.probing = false;
    }

    /// No answer came that says anything of the key.
    pub(super) fn key_unknown(&mut self) {
        self.probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_event_again_makes_a_refused_key_wait_longer() {
        let mut lane = Lane::default();
        let mut now = SteadyTime::ZERO;
        let mut waits = Vec::new();
        for tries in [0, 0, 0, 1, 2, 3, 4, 5, 0] {
            lane.started();
            lane.key_refused(now, tries);
            let until = lane.refused_until().unwrap();
            waits.push(until.since(now).as_secs());
            now = until;
        }
        assert_eq!(waits, [5, 5, 5, 10, 20, 40, 60, 60, 5]);
        lane.key_taken();
        assert_eq!(lane.opens_at(), Some(SteadyTime::ZERO));
    }
}
