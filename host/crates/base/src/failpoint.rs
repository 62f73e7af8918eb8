//! Places at which a test build may be made to end as if it were killed, so that tests need
//! not hit the few microseconds between a write and what follows from it by chance.
//!
//! `TOLLGATE_FAILPOINTS` names them with the chance that each has whenever it is reached:
//! `after-commit=0.01,sent=0.05`. They are in builds with debug assertions alone; in others
//! [`reach`] is empty, and nothing of this is in the binary.

/// A place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(
    not(debug_assertions),
    allow(dead_code, reason = "nothing is done with it")
)]
pub enum Failpoint {
    /// A transaction of the ledger is written and not committed.
    BeforeCommit,
    /// It is being committed: the end comes at some moment within the next milliseconds.
    DuringCommit,
    /// It is committed, and nobody knows yet.
    AfterCommit,
    /// Some of those who waited for the commit have been answered.
    Answering,
    /// The write-ahead log is about to be moved into the file.
    Checkpoint,
    /// A guest has ended, and its effects are not committed.
    Ran,
    /// A request of the outbox was answered, and that is not written down.
    Sent,
}

/// Ends the process here, if a test has asked for it and chance says so.
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

    /// A commit takes some milliseconds.
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

    /// Ends the process here, if a test has asked for it and chance says so.
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

    /// As `kill -9` does, and nothing runs after it.
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

    /// A name that is not known, or no chance, is a test's mistake.
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
