//! How often events of a source come, by its own past.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use tollgate_base::time::SteadyTime;

/// The days that a source's past has.
const DAYS: usize = 14;
/// The days of which something must be known before the past says anything.
const ENOUGH: usize = 3;
/// A source is silent after this many times its longest silence.
const FACTOR: u32 = 2;
/// The shortest silence that is told, whatever the past was.
const SHORTEST: Duration = Duration::from_secs(600);
const DAY: u64 = 86_400_000;

/// When the last event of a source came, and its longest silences before. Times are those of the
/// steady clock, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rhythm {
    /// When the last event came, or when somebody first looked.
    last: u64,
    /// The longest silence that ended on each of the last days.
    longest: Vec<(u64, u64)>,
}

impl Rhythm {
    /// A source that somebody looks at for the first time.
    pub(super) fn new(now: SteadyTime) -> Self {
        Self {
            last: now.as_millis(),
            longest: Vec::new(),
        }
    }

    /// Events have come since the last look.
    pub(super) fn heard(&mut self, now: SteadyTime) {
        let now = now.as_millis();
        let silence = now.saturating_sub(self.last);
        self.last = now;
        let today = now / DAY;
        match self.longest.last_mut() {
            Some((day, longest)) if *day == today => *longest = silence.max(*longest),
            _ => self.longest.push((today, silence)),
        }
        self.longest.retain(|(day, _)| day + DAYS as u64 > today);
    }

    /// The gateway did not run for this long: nobody could hear the source.
    pub(super) fn was_down(&mut self, down: Duration) {
        let down = u64::try_from(down.as_millis()).unwrap_or(u64::MAX);
        self.last = self.last.saturating_add(down);
    }

    /// For how long nothing has come.
    pub(super) fn silence(&self, now: SteadyTime) -> Duration {
        now.since(SteadyTime::from_millis(self.last))
    }

    /// The silence that is unusual for the source; `None` while too little is known.
    pub(super) fn unusual(&self) -> Option<Duration> {
        if self.longest.len() < ENOUGH {
            return None;
        }
        let longest = self.longest.iter().map(|(_, longest)| *longest).max()?;
        let unusual = Duration::from_millis(longest).saturating_mul(FACTOR);
        Some(unusual.max(SHORTEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn at(millis: u64) -> SteadyTime {
        SteadyTime::from_millis(millis)
    }

    #[test]
    fn silence_is_unusual_by_the_past_of_three_days() {
        let mut rhythm = Rhythm::new(at(0));
        for hour in (3..48).step_by(3) {
            rhythm.heard(at(hour * HOUR));
        }
        assert_eq!(rhythm.unusual(), None, "two days");
        rhythm.heard(at(53 * HOUR));
        assert_eq!(rhythm.unusual(), Some(Duration::from_millis(16 * HOUR)));
        assert_eq!(
            rhythm.silence(at(60 * HOUR)),
            Duration::from_millis(7 * HOUR)
        );
    }

    #[test]
    fn a_long_silence_is_forgotten_and_a_short_one_never_counts() {
        let mut rhythm = Rhythm::new(at(0));
        rhythm.heard(at(100 * HOUR));
        for minute in 1..(20 * 24 * 60) {
            rhythm.heard(at(100 * HOUR + minute * 60_000));
        }
        assert_eq!(rhythm.unusual(), Some(SHORTEST));
        assert!(rhythm.longest.len() <= DAYS);
    }

    #[test]
    fn a_time_in_which_nobody_listened_is_no_silence() {
        let mut rhythm = Rhythm::new(at(0));
        rhythm.was_down(Duration::from_millis(5 * HOUR));
        assert_eq!(rhythm.silence(at(6 * HOUR)), Duration::from_millis(HOUR));
        assert_eq!(rhythm.silence(at(HOUR)), Duration::ZERO);
    }
}
