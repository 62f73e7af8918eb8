//! A rate, such as 100 a second, and the token bucket that keeps it.

use std::fmt;
use std::time::Duration;

use crate::time::SteadyTime;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// A number of runs or requests in a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The number, at least 1.
    pub count: u32,
    /// The length of time.
    pub per: Duration,
}

impl Rate {
    /// The time between two tokens, in nanoseconds.
    fn interval(self) -> u64 {
        let per = u64::try_from(self.per.as_nanos()).unwrap_or(u64::MAX);
        (per / u64::from(self.count.max(1))).max(1)
    }

    /// The capacity of the bucket: the tokens of a tenth of a second, at least one. A caller that
    /// takes tokens ten times a second loses none, and a receiver that counts strictly sees an even
    /// flow.
    fn burst(self) -> u64 {
        (100 * NANOS_PER_MILLI / self.interval()).max(1)
    }
}

impl fmt::Display for Rate {
    /// In the form of a manifest: `100/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = match self.per.as_secs() {
            1 => "s",
            60 => "m",
            3600 => "h",
            _ => return write!(f, "{}/{:?}", self.count, self.per),
        };
        write!(f, "{}/{per}", self.count)
    }
}

/// A token bucket, by the steady clock. Its only state is the time at which the bucket is full
/// again. Each token that is taken moves this time by one interval.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: Rate,
    /// The time at which the bucket is full, in nanoseconds.
    full_at: u64,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate) -> Self {
        Self { rate, full_at: 0 }
    }

    /// Changes the rate. The wait for the next token is at most that of an empty bucket.
    pub fn set_rate(&mut self, rate: Rate, now: SteadyTime) {
        self.rate = rate;
        let empty = nanos(now).saturating_add(rate.burst() * rate.interval());
        self.full_at = self.full_at.min(empty);
    }

    /// The time at which the next token is available. Not after `now` if a token is available now.
    pub fn opens_at(&self) -> SteadyTime {
        let ahead = (self.rate.burst() - 1) * self.rate.interval();
        let opens = self.full_at.saturating_sub(ahead);
        SteadyTime::from_millis(opens.div_ceil(NANOS_PER_MILLI))
    }

    /// Whether the bucket is full.
    pub fn is_full(&self, now: SteadyTime) -> bool {
        self.full_at <= nanos(now)
    }

    /// Takes a token. If none is available, takes the next token in advance.
    pub fn take(&mut self, now: SteadyTime) {
        self.full_at = self.full_at.max(nanos(now)) + self.rate.interval();
    }
}

fn nanos(now: SteadyTime) -> u64 {
    now.as_millis().saturating_mul(NANOS_PER_MILLI)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SteadyTime {
        SteadyTime::from_millis(millis)
    }

    fn per_second(count: u32) -> Bucket {
        Bucket::new(Rate {
            count,
            per: Duration::from_secs(1),
        })
    }

    /// The number of tokens from `from` to `to`, with a try each millisecond.
    fn taken(bucket: &mut Bucket, from: u64, to: u64) -> usize {
        let mut taken = 0;
        for now in (from..to).map(at) {
            while bucket.opens_at() <= now {
                bucket.take(now);
                taken += 1;
            }
        }
        taken
    }

    #[test]
    fn the_rate_is_kept_and_reached() {
        for count in [1, 3, 15, 100, 700, 5000] {
            let mut bucket = per_second(count);
            let burst = (count as usize / 10).max(1);
            let taken = taken(&mut bucket, 50_000, 60_000);
            let even = count as usize * 10;
            assert!(
                (even..=even + burst).contains(&taken),
                "{taken} at {count}/s"
            );
        }
    }

    #[test]
    fn one_a_minute_comes_a_minute_after_the_other() {
        let mut bucket = Bucket::new(Rate {
            count: 1,
            per: Duration::from_secs(60),
        });
        assert!(bucket.opens_at() <= at(1_000));
        bucket.take(at(1_000));
        assert_eq!(bucket.opens_at(), at(61_000));
    }

    #[test]
    fn a_quiet_hour_is_no_licence_for_a_flood() {
        let mut bucket = per_second(100);
        assert_eq!(taken(&mut bucket, 1_000, 2_000), 109);
        assert_eq!(taken(&mut bucket, 3_602_000, 3_602_001), 10);
    }

    #[test]
    fn a_rate_that_is_raised_counts_at_once() {
        let hour = Duration::from_secs(3600);
        let mut bucket = Bucket::new(Rate {
            count: 1,
            per: hour,
        });
        bucket.take(at(1_000));
        assert_eq!(bucket.opens_at(), at(3_601_000));
        let raised = per_second(10).rate;
        bucket.set_rate(raised, at(2_000));
        assert_eq!(bucket.opens_at(), at(2_100));
        assert_eq!(taken(&mut bucket, 2_000, 3_000), 9);
    }
}
