//! The deliveries of one handler that are in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Runnable;
use super::gate::{Gate, Pass};
use super::outcomes::Outcomes;
use super::trial;
use crate::refill::Remainder;
use tollgate_base::time::{SteadyClock, SteadyTime};
use tollgate_ledger::{Completion, Delivery, DeliverySeq, Lease, LeasedDelivery};

/// How many deliveries of one handler wait in memory at most.
pub(super) const MAX_QUEUED: usize = 1024;

/// How often a conflict of state is answered by running anew beside the handler's other
/// deliveries; after that, the delivery runs alone.
const MAX_CONFLICTS: u32 = 3;

/// A delivery that was under way at so many unclean ends is suspected of causing them.
pub(super) const SUSPECT: u32 = 2;

/// A delivery in memory, leased to this gateway. A job that is dropped gives its lease back.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) delivery: Delivery,
    pub(super) lease: Lease<DeliverySeq>,
    /// How often what it read had changed before its commit.
    pub(super) conflicts: u32,
    /// What its run was let through on.
    pub(super) pass: Pass,
    /// What its run may grow to, in bytes.
    pub(super) memory: usize,
}

impl Job {
    fn new(LeasedDelivery { delivery, lease }: LeasedDelivery) -> Self {
        Self {
            delivery,
            lease,
            conflicts: 0,
            pass: Pass::default(),
            memory: 0,
        }
    }
}

/// Something for a worker to do.
pub(super) enum Task {
    /// Run the handler.
    Run(Job, Arc<dyn Runnable>),
    /// Commit an end that came up at another commit.
    Commit(Job, Box<Completion>),
}

/// One handler's lane.
pub(super) struct Lane {
    pub(super) runnable: Arc<dyn Runnable>,
    /// What a run must pass beside a free place.
    pub(super) gate: Gate,
    queue: VecDeque<Job>,
    queued_bytes: usize,
    commits: VecDeque<(Job, Box<Completion>)>,
    /// Jobs that conflicted too often: each waits until nothing else of the lane is under
    /// way and holds everything else back meanwhile.
    alone: VecDeque<Job>,
    /// Whether the job under way is one of these.
    runs_alone: bool,
    pub(super) running: usize,
    pub(super) outcomes: Outcomes,
    /// Runs that have ended and wait for their commit.
    pub(super) uncommitted: usize,
    /// The deliveries that the ledger holds beyond those in memory.
    pub(super) rest: Remainder,
    /// Whether the lane stands in the row of those that have something to run.
    pub(super) in_row: bool,
}

impl Lane {
    /// A lane whose deliveries are all still in the ledger.
    pub(super) fn new(runnable: Arc<dyn Runnable>, clock: Arc<SteadyClock>) -> Self {
        Self {
            gate: Gate::new(clock, runnable.as_ref()),
            runnable,
            queue: VecDeque::new(),
            queued_bytes: 0,
            commits: VecDeque::new(),
            alone: VecDeque::new(),
            runs_alone: false,
            running: 0,
            outcomes: Outcomes::default(),
            uncommitted: 0,
            rest: Remainder::unknown(),
            in_row: false,
        }
    }

    fn concurrency(&self) -> usize {
        self.runnable.handler().concurrency
    }

    /// Deliveries that wait in memory.
    pub(super) fn queued(&self) -> usize {
        self.queue.len() + self.alone.len()
    }

    /// Room for deliveries from the ledger, by count.
    pub(super) fn room(&self) -> usize {
        MAX_QUEUED.saturating_sub(self.queue.len())
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Whether a worker could do something for this lane now.
    pub(super) fn eligible(&self) -> bool {
        if !self.commits.is_empty() {
            return true;
        }
        if self.runs_alone || !self.gate.open() {
            return false;
        }
        if !self.alone.is_empty() {
            return self.running == 0 && self.uncommitted == 0;
        }
        !self.queue.is_empty() && self.running < self.concurrency()
    }

    /// What the next thing to do may grow to, in bytes: nothing, if it is to be committed.
    pub(super) fn needs(&self) -> usize {
        if self.commits.is_empty() {
            self.runnable.handler().guest.limits.memory
        } else {
            0
        }
    }

    /// When there may be something to claim or to run, as far as that is a matter of time.
    pub(super) fn looks_at(&self) -> Option<SteadyTime> {
        // What is due and finds no room waits for runs, not for the time.
        let due = self.rest.next();
        let due = due.filter(|_| self.room() > 0 || self.gate.open());
        let gate = self.gate.opens_at().filter(|_| self.queued() > 0);
        // A gate that is open already has let the lane into the row.
        let gate = gate.filter(|_| !self.gate.open());
        due.into_iter().chain(gate).min()
    }

    /// The next thing to do; `None` if there is none now.
    pub(super) fn take(&mut self) -> Option<Task> {
        if !self.eligible() {
            return None;
        }
        if let Some((job, completion)) = self.commits.pop_front() {
            return Some(Task::Commit(job, completion));
        }
        let mut job = match self.alone.pop_front() {
            Some(job) => {
                self.runs_alone = true;
                job
            }
            None => {
                let job = self.queue.remove(self.next())?;
                self.queued_bytes -= weight(&job);
                job
            }
        };
        job.memory = self.runnable.handler().guest.limits.memory;
        self.running += 1;
        job.pass = self.gate.started(&job.delivery);
        Some(Task::Run(job, self.runnable.clone()))
    }

    /// The place in the queue of what runs next. A probe is best one that has not failed
    /// before, for reasons of its own perhaps.
    fn next(&self) -> usize {
        let fresh = || {
            let first = |job: &Job| trial::is_first(&job.delivery);
            self.queue.iter().position(first)
        };
        self.gate.probes().then(fresh).flatten().unwrap_or(0)
    }

    /// Takes a new delivery in, or leaves it to the ledger if `fits` is false or older
    /// ones are there. Returns whether it is in memory now.
    pub(super) fn arrive(&mut self, leased: LeasedDelivery, fits: bool) -> bool {
        let in_turn = !self.rest.is_behind();
        self.take_in(leased, fits && in_turn)
    }

    /// Takes in a delivery whose turn has come, or leaves it to the ledger. It is older than
    /// what else is left there. Returns whether it is in memory now.
    pub(super) fn release(&mut self, leased: LeasedDelivery, fits: bool) -> bool {
        self.take_in(leased, fits)
    }

    fn take_in(&mut self, leased: LeasedDelivery, fits: bool) -> bool {
        if !fits || self.room() == 0 {
            self.rest.left_behind();
            return false;
        }
        self.push(Job::new(leased));
        true
    }

    pub(super) fn push(&mut self, job: Job) {
        self.queued_bytes += weight(&job);
        self.queue.push_back(job);
    }

    /// Puts a job back that is to run before others, because nothing of it was committed.
    pub(super) fn push_front(&mut self, job: Job) {
        self.queued_bytes += weight(&job);
        self.queue.push_front(job);
    }

    pub(super) fn push_commit(&mut self, job: Job, completion: Box<Completion>) {
        self.commits.push_back((job, completion));
    }

    /// A commit found that what `job` read had changed.
    pub(super) fn conflicted(&mut self, mut job: Job) {
        job.conflicts += 1;
        if job.conflicts >= MAX_CONFLICTS {
            self.alone.push_back(job);
        } else {
            self.push_front(job);
        }
    }

    /// A run's commit has been answered. Until then a run alone holds the lane.
    pub(super) fn settled(&mut self) {
        // A lane that was removed and made anew may hear of runs of the old one.
        self.uncommitted = self.uncommitted.saturating_sub(1);
        if self.runs_alone && self.running == 0 && self.uncommitted == 0 {
            self.runs_alone = false;
        }
    }

    /// Drops what waits of these deliveries, since an operator ended them.
    pub(super) fn forget(&mut self, ended: &[DeliverySeq]) {
        let goes_on = |job: &Job| !ended.contains(&job.delivery.seq);
        self.queue.retain(goes_on);
        self.queued_bytes = self.queue.iter().map(weight).sum();
        self.alone.retain(goes_on);
    }

    /// Whether there is something to claim at `now`, and room for it among `max_bytes`. Where
    /// the ledger holds a lot, memory is filled up again only once half of it is free.
    pub(super) fn wants_claim(&self, now: SteadyTime, max_bytes: usize) -> bool {
        let free = |part: usize| {
            self.queue.is_empty()
                || self.queue.len() < MAX_QUEUED / part && self.queued_bytes < max_bytes / part
        };
        let due = self.rest.next().is_some_and(|next| next <= now);
        self.rest.is_behind() && free(2) || due && free(1)
    }

    /// Whether all that may run now is in memory.
    pub(super) fn has_all(&self) -> bool {
        !self.rest.is_behind()
    }

    /// Takes in what a claim has leased.
    pub(super) fn refill(&mut self, leased: Vec<LeasedDelivery>) {
        for leased in leased {
            self.push(Job::new(leased));
        }
    }
}

/// Bytes that a waiting job holds, about.
pub(super) fn weight(job: &Job) -> usize {
    job.delivery.event.payload.len() + 512
}
