//! When a reload that failed is tried again although no file has changed.

use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::generation::error::{GenerationError, HandlerError, HandlerErrorReason};
use crate::generation::read::LoadError;
use tollgate_sandbox::{CompilerFailure, LoadError as ComponentError};

/// The delay before the first retry. Each further delay is twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// The longest delay. A compilation that is killed each time costs little then.
const LONGEST: Duration = Duration::from_secs(300);

/// The retry of a failed reload.
#[derive(Debug, Default)]
pub(super) struct ReloadRetry {
    /// Failures in a row that may pass.
    failures: u32,
    at: Option<Instant>,
}

impl ReloadRetry {
    /// The reload has failed for a reason that may pass. Returns the delay before the retry.
    pub(super) fn failed(&mut self, now: Instant) -> Duration {
        let delay = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures += 1;
        self.at = Some(now + delay);
        delay
    }

    /// There is nothing to retry: the reload succeeded, or failed because of the files.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How long until the retry; `None` if there is none.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.at.map(|at| at.saturating_duration_since(now))
    }
}

impl LoadError {
    /// Whether the reason may pass by itself: it lies with the machine and not with the files.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Read { error, .. } => is_of_machine(error),
            Self::Generation(GenerationError::Handlers(errors)) => {
                errors.iter().all(HandlerError::may_pass)
            }
            Self::Generation(GenerationError::Manifest(_)) => false,
        }
    }
}

impl HandlerError {
    fn may_pass(&self) -> bool {
        match &self.reason {
            HandlerErrorReason::Read(error) => is_of_machine(error),
            // Somebody killed the child, such as the system in want of memory.
            HandlerErrorReason::Load(ComponentError::Compiler(
                CompilerFailure::Start(_) | CompilerFailure::Ended { .. },
            )) => true,
            _ => false,
        }
    }
}

/// Whether an error of the system speaks of the machine's state and not of the file.
fn is_of_machine(error: &io::Error) -> bool {
    let of_machine = [
        Errno::AGAIN,
        Errno::INTR,
        Errno::IO,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
    ];
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    errno.is_some_and(|errno| of_machine.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_base::event::HandlerName;

    fn of_handlers(reasons: Vec<HandlerErrorReason>) -> LoadError {
        let errors = reasons.into_iter().map(|reason| HandlerError {
            handler: HandlerName::new("a"),
            component: "a.wasm".into(),
            reason,
        });
        LoadError::Generation(GenerationError::Handlers(errors.collect()))
    }

    fn read(errno: Errno) -> HandlerErrorReason {
        HandlerErrorReason::Read(io::Error::from_raw_os_error(errno.raw_os_error()))
    }

    #[test]
    fn only_what_lies_with_the_machine_may_pass() {
        let started = |kind: io::ErrorKind| {
            let failure = CompilerFailure::Start(kind.into());
            HandlerErrorReason::Load(ComponentError::Compiler(failure))
        };
        assert!(of_handlers(vec![started(io::ErrorKind::OutOfMemory)]).may_pass());
        assert!(of_handlers(vec![read(Errno::MFILE), read(Errno::IO)]).may_pass());
        assert!(!of_handlers(vec![read(Errno::NOENT)]).may_pass());
        // A second try would fail because of the other one.
        let both = vec![started(io::ErrorKind::OutOfMemory), read(Errno::ACCESS)];
        assert!(!of_handlers(both).may_pass());
        let slow = CompilerFailure::Time(Duration::from_secs(1));
        let slow = HandlerErrorReason::Load(ComponentError::Compiler(slow));
        assert!(!of_handlers(vec![slow]).may_pass());
    }

    #[test]
    fn delays_grow_to_a_bound_and_begin_anew() {
        let now = Instant::now();
        let mut retry = ReloadRetry::default();
        assert_eq!(retry.wait(now), None);
        let delays: Vec<_> = (0..12).map(|_| retry.failed(now).as_secs()).collect();
        assert_eq!(delays[..4], [1, 2, 4, 8]);
        assert_eq!(delays[11], 300);
        assert_eq!(retry.wait(now), Some(LONGEST));
        retry.clear();
        assert_eq!(retry.wait(now), None);
        assert_eq!(retry.failed(now).as_secs(), 1);
    }
}
