//! Deliveries that were under way at several unclean ends of the gateway.
//!
//! Each of them runs while nothing else runs, so that no other delivery is blamed if the process
//! ends again.

use std::collections::VecDeque;

use super::job::Job;
use tollgate_base::event::HandlerName;

/// The suspects that wait, and whether a suspect runs.
#[derive(Default)]
pub(super) struct Suspects {
    waiting: VecDeque<Job>,
    running: bool,
}

impl Suspects {
    /// The handler of the suspect that runs next.
    pub(super) fn next_handler(&self) -> Option<&HandlerName> {
        self.waiting.front().map(|job| &job.delivery.handler)
    }

    /// Whether a suspect runs. Nothing else may start then.
    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    /// Whether no suspect waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds a suspect behind the others.
    pub(super) fn add(&mut self, job: Job) {
        self.waiting.push_back(job);
    }

    /// Takes the next suspect out.
    pub(super) fn take(&mut self) -> Option<Job> {
        self.waiting.pop_front()
    }

    /// A suspect starts to run.
    pub(super) fn run_starts(&mut self) {
        self.running = true;
    }

    /// A run has ended. While a suspect runs, that is the suspect's.
    pub(super) fn run_ended(&mut self) {
        self.running = false;
    }

    /// Drops the waiting suspects for which `keep` is false.
    pub(super) fn retain(&mut self, keep: impl Fn(&Job) -> bool) {
        self.waiting.retain(keep);
    }
}
