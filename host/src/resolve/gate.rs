//! The limit of one host: how many requests go to it in so much time.
//!
//! A bucket of tokens spreads the requests evenly. The window beside it is strict: a request counts
//! from its start until a whole window after its answer. So however long requests and answers take
//! on their way, the host never sees more of them in any window than the rate says.

use std::collections::VecDeque;
use std::time::Duration;

use tollgate_base::rate::{Bucket, Rate};
use tollgate_base::time::SteadyTime;

/// The clock counts whole milliseconds: both ends of a window may be off by one.
const TICKS: Duration = Duration::from_millis(2);

/// The rest of a host that does not say how long it wants to be left alone.
const REST: Duration = Duration::from_secs(1);

/// The longest rest that a host may ask for.
const LONGEST_REST: Duration = Duration::from_secs(60 * 60);

/// The gate of one host.
#[derive(Debug)]
pub(super) struct Gate {
    rate: Rate,
    bucket: Bucket,
    /// The requests under way.
    under_way: usize,
    /// When the last answers came, for the time of one window.
    ended: VecDeque<SteadyTime>,
    /// No request goes before.
    rests_until: SteadyTime,
}

impl Gate {
    /// The gate of a host that may have got requests of an earlier process until now: they count as
    /// a full window.
    pub(super) fn new(rate: Rate, now: SteadyTime) -> Self {
        Self {
            rate,
            bucket: Bucket::new(rate),
            under_way: 0,
            ended: VecDeque::new(),
            rests_until: now + rate.per + TICKS,
        }
    }

    /// The gate of a host to which no earlier process has sent anything.
    #[cfg(test)]
    fn fresh(rate: Rate) -> Self {
        Self {
            rests_until: SteadyTime::ZERO,
            ..Self::new(rate, SteadyTime::ZERO)
        }
    }

    /// Goes by another rate from now on.
    pub(super) fn follow(&mut self, rate: Rate, now: SteadyTime) {
        if self.rate != rate {
            self.rate = rate;
            self.bucket.set_rate(rate, now);
        }
    }

    /// When the next request may go: not after `now` if it may go now. `None` if that depends on
    /// the end of a request.
    pub(super) fn opens_at(&mut self, now: SteadyTime) -> Option<SteadyTime> {
        let window = self.rate.per + TICKS;
        while self
            .ended
            .front()
            .is_some_and(|ended| *ended + window <= now)
        {
            self.ended.pop_front();
        }
        let count = self.rate.count as usize;
        let over = (self.under_way + self.ended.len() + 1).saturating_sub(count);
        let slot = match over.checked_sub(1) {
            None => SteadyTime::ZERO,
            Some(nth) => *self.ended.get(nth)? + window,
        };
        Some(slot.max(self.bucket.opens_at()).max(self.rests_until))
    }

    /// A request goes.
    pub(super) fn started(&mut self, now: SteadyTime) {
        self.bucket.take(now);
        self.under_way += 1;
    }

    /// A request has ended.
    pub(super) fn ended(&mut self, now: SteadyTime) {
        self.under_way = self.under_way.saturating_sub(1);
        self.ended.push_back(now);
    }

    /// The host wants to be left alone, for so long if it said so.
    pub(super) fn rest(&mut self, asked: Option<Duration>, now: SteadyTime) {
        let rest = asked.unwrap_or(REST).clamp(REST, LONGEST_REST);
        self.rests_until = self.rests_until.max(now + rest);
    }

    /// Until when the host rests, if it does.
    pub(super) fn rests_until(&self, now: SteadyTime) -> Option<SteadyTime> {
        Some(self.rests_until).filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(count: u32) -> Rate {
        Rate { count, per: SECOND }
    }

    /// Plays requests whose ways take these times; returns when each reached the host.
    fn play(count: u32, ways: &[(u64, u64)]) -> Vec<u64> {
        let mut gate = Gate::fresh(rate(count));
        let (mut now, mut seen) = (50_000, Vec::new());
        let mut on_the_way: Vec<u64> = Vec::new();
        for (there, back) in ways {
            loop {
                let at = SteadyTime::from_millis(now);
                on_the_way.retain(|ends| {
                    let over = *ends <= now;
                    if over {
                        gate.ended(at);
                    }
                    !over
                });
                if gate.opens_at(at).is_some_and(|opens| opens <= at) {
                    break;
                }
                now += 1;
            }
            gate.started(SteadyTime::from_millis(now));
            seen.push(now + there);
            on_the_way.push(now + there + back);
        }
        seen.sort_unstable();
        seen
    }

    fn most_in_a_second(seen: &[u64]) -> usize {
        let within = |from: &u64| {
            let window = *from..*from + 1000;
            seen.iter().filter(|at| window.contains(at)).count()
        };
        seen.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn the_rate_is_nearly_reached_by_quick_answers() {
        let seen = play(25, &[(5, 5); 500]);
        assert!(most_in_a_second(&seen) <= 25);
        let took = seen.last().unwrap() - seen[0];
        assert!((19_500..22_000).contains(&took), "{took}");
    }

    #[test]
    fn a_host_rests_as_it_asks() {
        let mut gate = Gate::fresh(rate(25));
        let at = SteadyTime::from_millis(90_000);
        assert!(gate.opens_at(at) <= Some(at));
        gate.rest(Some(Duration::from_secs(3)), at);
        gate.rest(None, at);
        assert_eq!(gate.opens_at(at), Some(at + Duration::from_secs(3)));
        assert_eq!(gate.rests_until(at), Some(at + Duration::from_secs(3)));
        gate.rest(Some(Duration::from_secs(1 << 30)), at);
        assert_eq!(gate.opens_at(at), Some(at + LONGEST_REST));
        assert_eq!(gate.rests_until(at + LONGEST_REST), None);
    }

    #[test]
    fn a_new_process_begins_with_a_full_window() {
        let at = SteadyTime::from_millis(90_000);
        let mut gate = Gate::new(rate(25), at);
        assert_eq!(gate.opens_at(at), Some(at + SECOND + TICKS));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            cases: 64,
            ..ProptestConfig::default()
        })]

        /// However long requests and answers take, no window of the host has more than the rate.
        #[test]
        fn no_window_has_too_many(
            count in 1_u32..30,
            ways in prop::collection::vec((0..700_u64, 0..700_u64), 1..90),
        ) {
            prop_assert!(most_in_a_second(&play(count, &ways)) <= count as usize);
        }
    }
}
