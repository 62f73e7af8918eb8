//! The ends of runs, and the ledger's answers to their commits.

use std::time::Instant;

use super::HandlerQueues;
use crate::dispatch::handler_queue::HandlerQueue;
use crate::dispatch::job::Job;
use crate::dispatch::trial::TrialResult;
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::time::SteadyTime;
use tollgate_ledger::{AttemptOutcome, Completion};

impl HandlerQueues {
    /// A run has ended, and its end goes to the ledger. The gate learns the outcome before another
    /// run starts; `None` says nothing about the handler. Returns the result of the component's
    /// trial if this run ends the trial.
    pub(in crate::dispatch) fn run_ended(
        &mut self,
        job: &mut Job,
        outcome: Option<AttemptOutcome>,
    ) -> Option<TrialResult> {
        self.budget.run_ended(job.need);
        self.exhausted = false;
        self.suspects.run_ended();
        let name = job.delivery.handler.clone();
        let queue = self.queues.get_mut(&name)?;
        let result = queue.run_ended(job, outcome);
        self.enlist(&name);
        result
    }

    /// A run has ended, and nothing of it is committed. The delivery runs again, once the
    /// ledger can be used.
    pub(in crate::dispatch) fn run_undone(&mut self, mut job: Job, suspend_until: Instant) {
        self.run_ended(&mut job, None);
        self.commit_failed(job, suspend_until);
    }

    /// Another end of a run is on its way to the ledger.
    pub(in crate::dispatch) fn commit_begins(&mut self, name: &HandlerName) {
        if let Some(queue) = self.queues.get_mut(name) {
            queue.commit_begins();
        }
    }

    /// The ledger has ended a delivery without a record of its run.
    pub(in crate::dispatch) fn given_up(&mut self, name: &HandlerName) {
        self.commit_ended(name, |_| ());
    }

    /// The ledger has committed an attempt that took so many microseconds. `retry_due` is the time
    /// of the next attempt. Returns whether the attempt broke down on a component that was replaced
    /// because it failed its trial.
    pub(in crate::dispatch) fn committed(
        &mut self,
        name: &HandlerName,
        (component, outcome): (ComponentDigest, AttemptOutcome),
        duration_us: u64,
        retry_due: Option<SteadyTime>,
    ) -> bool {
        self.needs_look |= retry_due.is_some();
        let late = self.commit_ended(name, |queue| {
            queue.count_attempt(outcome, duration_us);
            retry_due.into_iter().for_each(|due| queue.due_at(due));
            queue.is_late_breakdown(component, outcome)
        });
        late.unwrap_or(false)
    }

    /// The ledger has refused the end of a run, because the delivery does not wait for this run any
    /// more. An operator may have replayed the delivery, and a claim may have passed the replay
    /// over while this run was under way. So the handler claims again. Returns the same as
    /// [`Self::committed`].
    pub(in crate::dispatch) fn commit_refused(
        &mut self,
        name: &HandlerName,
        (component, outcome): (ComponentDigest, AttemptOutcome),
    ) -> bool {
        self.needs_look = true;
        let late = self.commit_ended(name, |queue| {
            queue.due_at(SteadyTime::ZERO);
            queue.is_late_breakdown(component, outcome)
        });
        late.unwrap_or(false)
    }

    /// A commit found that values which the run read have changed. The job runs anew.
    pub(in crate::dispatch) fn conflicted(&mut self, job: Job) {
        let name = job.delivery.handler.clone();
        self.commit_ended(&name, |queue| queue.conflicted(job));
    }

    /// A commit found that the effects of the run cannot be applied. `completion` is committed
    /// instead.
    pub(in crate::dispatch) fn commit_instead(&mut self, job: Job, completion: Completion) {
        let name = job.delivery.handler.clone();
        self.commit_ended(&name, |queue| queue.commit_instead(job, completion));
    }

    /// A commit has failed. The delivery runs again, once the ledger can be used.
    pub(in crate::dispatch) fn commit_failed(&mut self, job: Job, suspend_until: Instant) {
        self.suspended_until = Some(suspend_until);
        self.needs_look = true;
        let name = job.delivery.handler.clone();
        self.commit_ended(&name, |queue| queue.put_back(job));
    }

    /// The ledger has answered a commit. Does what follows for the handler, unless the handler has
    /// left the manifest.
    fn commit_ended<T>(
        &mut self,
        name: &HandlerName,
        then: impl FnOnce(&mut HandlerQueue) -> T,
    ) -> Option<T> {
        let queue = self.queues.get_mut(name)?;
        queue.commit_ended();
        let answer = then(queue);
        self.enlist(name);
        Some(answer)
    }

    /// Ends of runs that are on their way to the ledger.
    pub(in crate::dispatch) fn uncommitted(&self) -> usize {
        self.queues.values().map(HandlerQueue::uncommitted).sum()
    }
}
