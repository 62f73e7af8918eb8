//! For how long a job that runs alone holds the handler's other deliveries back.

use std::time::Duration;

use tollgate_base::time::SteadyTime;

/// The hold of a job that runs alone, or waits until nothing else runs.
#[derive(Debug)]
pub(super) struct Hold {
    /// When the hold ends at the latest. `None` if there is none.
    ends: Option<SteadyTime>,
    /// No further hold begins before: a hold that lasted to its end is followed by as long a time
    /// without one.
    next: SteadyTime,
}

impl Hold {
    /// No hold.
    pub(super) const NONE: Self = Self {
        ends: None,
        next: SteadyTime::ZERO,
    };

    /// Begins a hold of at most this length, unless one lasts. Returns whether there is one now.
    pub(super) fn begin(&mut self, now: SteadyTime, longest: Duration) -> bool {
        if self.lasts(now) {
            return true;
        }
        if now < self.next {
            return false;
        }
        let ends = now + longest;
        self.ends = Some(ends);
        self.next = ends + longest;
        true
    }

    /// Whether there is a hold.
    pub(super) fn lasts(&self, now: SteadyTime) -> bool {
        self.ends.is_some_and(|ends| now < ends)
    }

    /// When the hold ends at the latest. `None` if there is none.
    pub(super) fn ends(&self) -> Option<SteadyTime> {
        self.ends
    }

    /// Ends the hold before its time, since the last job has run alone.
    pub(super) fn end(&mut self) {
        *self = Self::NONE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_that_lasted_to_its_end_is_followed_by_a_rest() {
        let at = SteadyTime::from_millis;
        let second = Duration::from_secs(1);
        let mut hold = Hold::NONE;
        assert!(!hold.lasts(at(0)));
        assert!(hold.begin(at(10), second));
        assert!(hold.begin(at(1_009), 60 * second), "one lasts");
        assert!(!hold.lasts(at(1_010)));
        assert!(!hold.begin(at(2_009), second), "the others have their time");
        assert!(hold.begin(at(2_010), second));
        hold.end();
        assert!(hold.begin(at(2_011), second), "it ended before its time");
    }
}
