//! Points at which a test build can end as if it were killed. With failpoints, tests need no luck
//! to hit the few microseconds after a write.
//!
//! `TOLLGATE_FAILPOINTS` names the points, each with the probability that the process ends there:
//! `after-commit=0.01,sent=0.05`. Only builds with debug assertions have failpoints. In other
//! builds [`reach`] is empty, and the binary holds nothing of this module.

/// A point at which the process can end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(
    not(debug_assertions),
    allow(dead_code, reason = "release builds have no failpoints")
)]
pub enum Failpoint {
    /// A transaction of the ledger is written and not committed.
    BeforeCommit,
    /// A transaction is being committed: the process ends within the next milliseconds.
    DuringCommit,
    /// A transaction is committed, and no caller knows yet.
    AfterCommit,
    /// Some of the callers that waited for the commit have their answers.
    Answering,
    /// The write-ahead log will be moved into the file now.
    Checkpoint,
    /// A guest has ended, and its effects are not committed yet.
    Ran,
    /// A request of the outbox was answered, and the answer is not recorded yet.
    Sent,
}

/// Ends the process with the probability that a test has set for this point.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reach(_: Failpoint) {}

#[cfg(debug_assertions)]
pub use armed::reach;

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    use super::Failpoint;

    /// The greatest delay within a commit, which takes some milliseconds.
    const DURING: Duration = Duration::from_millis(4);

    const NAMES: &[(&str, Failpoint)] = &[
        ("before-commit", Failpoint::BeforeCommit),
        ("during-commit", Failpoint::DuringCommit),
        ("after-commit", Failpoint::AfterCommit),
        ("answering", Failpoint::Answering),
        ("checkpoint", Failpoint::Checkpoint),
        ("ran", Failpoint::Ran),
        ("sent", Failpoint::Sent),
    ];

    /// Ends the process with the probability that a test has set for this point.
    pub fn reach(place: Failpoint) {
        let Some(chance) = chance_of(place) else {
            return;
        };
        if fastrand::f64() >= chance {
            return;
        }
        if place == Failpoint::DuringCommit {
            std::thread::spawn(|| {
                std::thread::sleep(DURING.mul_f64(fastrand::f64()));
                end();
            });
        } else {
            end();
        }
    }

    /// Ends the process as `kill -9` does. Nothing runs after it.
    fn end() {
        let _ = kill_process(getpid(), Signal::KILL);
        loop {
            std::thread::park();
        }
    }

    fn chance_of(place: Failpoint) -> Option<f64> {
        static ASKED: OnceLock<Vec<(Failpoint, f64)>> = OnceLock::new();
        let asked = ASKED.get_or_init(|| {
            std::env::var("TOLLGATE_FAILPOINTS").map_or_else(|_| Vec::new(), |text| parse(&text))
        });
        asked
            .iter()
            .find_map(|(asked, chance)| (*asked == place).then_some(*chance))
    }

    /// The points of a text with their probabilities. An unknown name is a mistake of the test.
    fn parse(text: &str) -> Vec<(Failpoint, f64)> {
        text.split(',')
            .map(|one| {
                let (name, chance) = one.split_once('=').expect("NAME=CHANCE");
                let known = NAMES.iter().find(|(known, _)| *known == name);
                let (_, place) = known.expect("a failpoint that there is");
                (*place, chance.parse().expect("a chance"))
            })
            .collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn places_are_named_with_their_chances() {
            assert_eq!(
                parse("ran=0.5,sent=1"),
                [(Failpoint::Ran, 0.5), (Failpoint::Sent, 1.0)]
            );
        }
    }
}
