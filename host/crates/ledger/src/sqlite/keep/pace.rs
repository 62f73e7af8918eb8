//! How much one step of a sweep does, and how long the pause after a step is.
//!
//! A step shares its commit with callers that wait for an acknowledgement, so it may take only
//! a few milliseconds of the writer's time. How many rows fit into that time depends on the
//! machine, on the size of bodies and on the cache, so the sweep measures it. While there is
//! much to do, steps follow one another as soon as their commits allow, and take a quarter of
//! the writer's time at most. Otherwise steps are small and rare.

use std::time::Duration;

/// The writer's time for one step. A commit takes about as long.
const STEP: Duration = Duration::from_millis(2);

/// The rows of a step before anything was measured: 20 usual events, which take 1 to 2 ms.
const LEAST: u64 = 100;

/// The most rows of a step, however quick the last steps were: the next may be slow.
const MOST: u64 = 2000;

/// The pause after a step while there is little to do or the writer is busy.
pub(crate) const REST: Duration = Duration::from_millis(50);

/// While there is much to do, the pause after a step is this many times the step's time until
/// it was durable.
const REST_TIMES: u32 = 2;

/// The shortest pause.
const SHORTEST: Duration = Duration::from_millis(5);

/// Adapts the size of steps to their measured cost.
#[derive(Debug)]
pub(crate) struct SweepPace {
    rows: u64,
}

/// The cost of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepCost {
    /// The rows that the step changed.
    pub(crate) rows: u64,
    /// The writer's time for the step, without the commit.
    pub(crate) took: Duration,
    /// The time until the step was durable.
    pub(crate) whole: Duration,
}

impl SweepPace {
    /// The pace before anything was measured.
    pub(crate) fn new() -> Self {
        Self { rows: LEAST }
    }

    /// How many rows the next step may change.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Makes the next step small: there is little to do, or the writer is busy.
    pub(crate) fn slow_down(&mut self) {
        self.rows = LEAST;
    }

    /// Notes a step after which there is much more to do. Returns the pause before the next one.
    pub(crate) fn go_on(&mut self, step: StepCost) -> Duration {
        if step.rows > 0 {
            let row = (step.took.as_nanos() / u128::from(step.rows)).max(1);
            let fit = u64::try_from(STEP.as_nanos() / row).unwrap_or(MOST);
            // One quick step proves little, so the number of rows doubles at most.
            self.rows = fit.min(2 * self.rows).clamp(LEAST, MOST);
        }
        rest_after(step.whole)
    }
}

/// The pause after a step that took `whole` until it was durable, while there is more to do.
pub(crate) fn rest_after(whole: Duration) -> Duration {
    (whole * REST_TIMES).clamp(SHORTEST, REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time that a row and a commit take on a machine, in microseconds.
    #[derive(Clone, Copy)]
    struct Machine {
        row: u64,
        commit: u64,
    }

    impl Machine {
        fn step(self, rows: u64) -> StepCost {
            let took = Duration::from_micros(self.row * rows);
            let whole = took + Duration::from_micros(self.commit);
            StepCost { rows, took, whole }
        }
    }

    /// The rows of all steps in ten seconds, the longest step, and the writer's time.
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
        // Measured: 20 events with bodies of 2 KB take 1.2 ms, at five rows each.
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
        // A step may have changed no row.
        assert_eq!(pace.go_on(quick.step(0)), SHORTEST);
        assert_eq!(pace.rows(), LEAST);
    }
}
