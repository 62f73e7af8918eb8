//! How much a sweep does at once, and how long it lets the writer be afterwards.
//!
//! A step shares its commit with whoever waits for an acknowledgement, so it may take some
//! milliseconds of the writer's time and no more. How many rows that are depends on the
//! machine, on how large bodies are and on what is in the cache: so it is measured. While
//! there is much to do, steps come as soon after one another as their commits allow, and take
//! a quarter of the writer's time at most; otherwise they are as small and as rare as if
//! nothing were known of the machine.

use std::time::Duration;

/// What a step may take of the writer's time. A commit takes about as long.
const STEP: Duration = Duration::from_millis(2);

/// Rows of a step of which nothing is known: 20 events of the usual kind, and 1 to 2 ms.
const LEAST: u64 = 100;

/// Rows of a step at most, however quick the last ones were: the next may not be.
const MOST: u64 = 2000;

/// The pause after a step while there is little to do, or others have much to do.
pub(super) const REST: Duration = Duration::from_millis(50);

/// The pause after a step is this many times what the step took until it was durable.
const REST_TIMES: u32 = 2;

/// The shortest pause.
const SHORTEST: Duration = Duration::from_millis(5);

/// Adapts steps to what they take.
#[derive(Debug)]
pub(super) struct SweepPace {
    rows: u64,
}

/// A step that was done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Rows that it changed.
    pub(super) rows: u64,
    /// What the writer took for it, without the commit.
    pub(super) took: Duration,
    /// What it took with all that it waited for.
    pub(super) whole: Duration,
}

impl SweepPace {
    pub(super) fn new() -> Self {
        Self { rows: LEAST }
    }

    /// How many rows the next step may change.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Little is to be done, or others have much to do.
    pub(super) fn slow_down(&mut self) {
        self.rows = LEAST;
    }

    /// Notes a step after which there is much more to do. Returns the pause before the next.
    pub(super) fn go_on(&mut self, step: Step) -> Duration {
        if step.rows > 0 {
            let row = (step.took.as_nanos() / u128::from(step.rows)).max(1);
            let fit = u64::try_from(STEP.as_nanos() / row).unwrap_or(MOST);
            // One quick step may have been luck.
            self.rows = fit.min(2 * self.rows).clamp(LEAST, MOST);
        }
        rest_after(step.whole)
    }
}

/// The pause after a step that took so long until it was durable, while there is more to do.
pub(super) fn rest_after(whole: Duration) -> Duration {
    (whole * REST_TIMES).clamp(SHORTEST, REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which a row and a commit take so long, in microseconds.
    #[derive(Clone, Copy)]
    struct Machine {
        row: u64,
        commit: u64,
    }

    impl Machine {
        fn step(self, rows: u64) -> Step {
            let took = Duration::from_micros(self.row * rows);
            let whole = took + Duration::from_micros(self.commit);
            Step { rows, took, whole }
        }
    }

    /// Rows of all steps in ten seconds, the longest step, and the writer's time.
    fn run(machine: Machine) -> (u64, Duration, Duration) {
        let mut pace = SweepPace::new();
        let (mut rows, mut longest) = (0, Duration::ZERO);
        let (mut busy, mut time) = (Duration::ZERO, Duration::ZERO);
        while time < Duration::from_secs(10) {
            let step = machine.step(pace.rows());
            rows += step.rows;
            longest = longest.max(step.took);
            busy += step.took;
            time += step.whole + pace.go_on(step);
        }
        (rows, longest, busy)
    }

    #[test]
    fn a_quick_machine_prunes_what_comes_in_under_load() {
        // 20 events with bodies of 2 KB were measured to take 1.2 ms, at five rows each.
        let (rows, longest, busy) = run(Machine {
            row: 12,
            commit: 2_000,
        });
        assert!(rows > 10 * 2_000 * 5, "{rows} rows in ten seconds");
        assert!(longest <= STEP, "{longest:?}");
        assert!(busy < Duration::from_millis(2_500), "{busy:?} of 10 s");
    }

    #[test]
    fn a_slow_machine_takes_small_steps_and_rests() {
        for machine in [
            Machine {
                row: 200,
                commit: 2_000,
            },
            Machine {
                row: 10,
                commit: 40_000,
            },
        ] {
            let (rows, longest, busy) = run(machine);
            assert!(
                rows > 0 && longest <= Duration::from_millis(20),
                "{longest:?}"
            );
            assert!(busy < Duration::from_millis(3_400), "{busy:?} of 10 s");
        }
    }

    #[test]
    fn steps_grow_by_and_by_and_shrink_at_once() {
        let mut pace = SweepPace::new();
        let quick = Machine { row: 1, commit: 0 };
        for rows in [100, 200, 400, 800, 1600, 2000, 2000] {
            assert_eq!(pace.rows(), rows);
            assert_eq!(pace.go_on(quick.step(rows)), SHORTEST);
        }
        let slow = Machine { row: 10, commit: 0 };
        assert_eq!(pace.go_on(slow.step(2000)), Duration::from_millis(40));
        assert_eq!(pace.rows(), 200);
        pace.slow_down();
        assert_eq!(pace.rows(), LEAST);
        // What was done may have been nothing.
        assert_eq!(pace.go_on(quick.step(0)), SHORTEST);
        assert_eq!(pace.rows(), LEAST);
    }
}
