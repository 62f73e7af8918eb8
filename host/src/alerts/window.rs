//! Counts of the last while.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use tollgate_base::time::SteadyTime;

/// The parts of a window. The oldest part goes as a whole.
const PARTS: u32 = 60;

/// Two counts within a time, such as the good and the bad.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Window {
    /// The number of a part since the steady clock's beginning, and its counts.
    parts: Vec<(u64, u64, u64)>,
}

impl Window {
    /// Adds to the counts at `now`, and forgets what is older than `within`.
    pub(super) fn add(&mut self, now: SteadyTime, within: Duration, counts: (u64, u64)) {
        let part = u64::try_from((within / PARTS).as_millis()).unwrap_or(u64::MAX);
        let present = now.as_millis() / part.max(1);
        // After a change of `within` in the manifest, parts may have other numbers.
        let is_young = |number: u64| number <= present && number + u64::from(PARTS) > present;
        self.parts.retain(|(number, _, _)| is_young(*number));
        if counts == (0, 0) {
            return;
        }
        match self.parts.last_mut() {
            Some((number, first, second)) if *number == present => {
                *first += counts.0;
                *second += counts.1;
            }
            _ => self.parts.push((present, counts.0, counts.1)),
        }
    }

    /// The counts.
    pub(super) fn counts(&self) -> (u64, u64) {
        let sum = |pick: fn(&(u64, u64, u64)) -> u64| self.parts.iter().map(pick).sum();
        (sum(|part| part.1), sum(|part| part.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let within = Duration::from_secs(60);
        let at = |second: u64| SteadyTime::from_millis(second * 1_000);
        let mut window = Window::default();
        window.add(at(100), within, (2, 1));
        window.add(at(130), within, (3, 0));
        assert_eq!(window.counts(), (5, 1));
        window.add(at(159), within, (0, 0));
        assert_eq!(window.counts(), (5, 1));
        window.add(at(160), within, (0, 0));
        assert_eq!(window.counts(), (3, 0));
        window.add(at(500), within, (0, 0));
        assert_eq!(window.counts(), (0, 0));
        for second in 0..1_000 {
            window.add(at(1_000 + second), within, (1, 1));
        }
        assert_eq!(window.counts(), (60, 60));
    }

    #[test]
    fn another_length_begins_anew() {
        let mut window = Window::default();
        let now = SteadyTime::from_millis(10_000_000);
        window.add(now, Duration::from_secs(60), (9, 9));
        window.add(now, Duration::from_secs(3_600), (1, 0));
        assert_eq!(window.counts(), (1, 0));
    }
}
