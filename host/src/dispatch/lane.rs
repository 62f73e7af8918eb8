//! The deliveries of one handler that are in memory.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::Runnable;
use super::gate::{Gate, Pass};
use super::outcomes::Outcomes;
use super::trial;
use tollgate_base::time::{SteadyClock, SteadyTime};
use tollgate_ledger::{Completion, Delivery, DeliverySeq};

/// How many deliveries of one handler wait in memory at most.
pub(super) const MAX_QUEUED: usize = 1024;

/// How often a conflict of state is answered by running anew beside the handler's other
/// deliveries; after that, the delivery runs alone.
const MAX_CONFLICTS: u32 = 3;

/// A delivery that was under way at so many unclean ends is suspected of causing them.
pub(super) const SUSPECT: u32 = 2;

/// A delivery in memory.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) delivery: Delivery,
    /// How often what it read had changed before its commit.
    pub(super) conflicts: u32,
    /// Whether the ledger's list of what is due may name it.
    pub(super) retry: bool,
    /// What its run was let through on.
    pub(super) pass: Pass,
    /// What its run may grow to, in bytes.
    pub(super) memory: usize,
}

impl Job {
    fn new(delivery: Delivery, retry: bool) -> Self {
        Self {
            delivery,
            conflicts: 0,
            retry,
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
    /// The last delivery that was taken in from arrivals or from the ledger's pending ones.
    pub(super) watermark: DeliverySeq,
    /// Whether the ledger may hold pending deliveries beyond the watermark that are not in
    /// memory. Arrivals are then left to the ledger, so that the order stays.
    overflowed: bool,
    /// Whether an arrival was left to the ledger since the last refill began.
    missed: bool,
    /// Retries and released deliveries in memory, which the ledger may still list as due.
    retries: HashSet<DeliverySeq>,
    /// Of these, the ones whose commit was answered. They leave the set only when the next
    /// reading of what is due begins: one that has begun may still list them.
    retired: Vec<DeliverySeq>,
    /// When the ledger has something to retry, as far as is known.
    pub(super) next_due: Option<SteadyTime>,
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
            watermark: DeliverySeq(0),
            overflowed: true,
            missed: false,
            retries: HashSet::new(),
            retired: Vec::new(),
            // What is due is read at once; the ledger then says when to look again.
            next_due: Some(SteadyTime::ZERO),
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

    /// When there may be something to read from the ledger or to run, as far as that is a
    /// matter of time.
    pub(super) fn looks_at(&self) -> Option<SteadyTime> {
        // What is due and finds no room waits for runs, not for the time.
        let due = self
            .next_due
            .filter(|_| self.room() > 0 || self.gate.open());
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
    pub(super) fn arrive(&mut self, delivery: Delivery, fits: bool) -> bool {
        if delivery.seq <= self.watermark {
            // A refill has read it already.
            return false;
        }
        if self.overflowed || !fits || self.room() == 0 {
            self.overflowed = true;
            self.missed = true;
            return false;
        }
        self.watermark = delivery.seq;
        self.push(Job::new(delivery, false));
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

    /// `job` is done with, as far as this lane is concerned.
    pub(super) fn retire(&mut self, job: &Job) {
        if job.retry {
            self.retired.push(job.delivery.seq);
        }
    }

    /// Drops what waits of these deliveries, since an operator ended them.
    pub(super) fn forget(&mut self, ended: &[DeliverySeq]) {
        let is_ended = |job: &Job| ended.contains(&job.delivery.seq);
        let (gone, left): (VecDeque<_>, _) = std::mem::take(&mut self.queue)
            .into_iter()
            .partition(is_ended);
        self.queue = left;
        self.queued_bytes -= gone.iter().map(weight).sum::<usize>();
        let (gone_alone, left): (VecDeque<_>, _) = std::mem::take(&mut self.alone)
            .into_iter()
            .partition(is_ended);
        self.alone = left;
        gone.iter()
            .chain(&gone_alone)
            .for_each(|job| self.retire(job));
    }

    /// Whether so many are only remembered that what is due should be read again, which
    /// forgets them.
    pub(super) fn remembers_many(&self) -> bool {
        self.retired.len() >= MAX_QUEUED
    }

    /// Takes in a delivery whose turn has come, or leaves it to be read as due. Returns
    /// whether it is in memory now.
    pub(super) fn release(&mut self, delivery: Delivery, fits: bool) -> bool {
        if !fits || self.room() == 0 {
            self.due_at(SteadyTime::ZERO);
            return false;
        }
        let before = self.retries.len();
        self.take_due(vec![delivery]);
        self.retries.len() > before
    }

    /// What is due is about to be read, but for these.
    pub(super) fn due_begins(&mut self) -> HashSet<DeliverySeq> {
        for seq in self.retired.drain(..) {
            self.retries.remove(&seq);
        }
        self.next_due = None;
        self.retries.clone()
    }

    /// Takes in what was read as due.
    pub(super) fn take_due(&mut self, due: Vec<Delivery>) {
        for delivery in due {
            if self.retries.insert(delivery.seq) {
                self.push(Job::new(delivery, true));
            }
        }
    }

    pub(super) fn due_at(&mut self, due: SteadyTime) {
        self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
    }

    /// Whether the ledger's pending deliveries are to be read, and there is room.
    pub(super) fn wants_refill(&self) -> bool {
        self.overflowed && self.queue.len() <= MAX_QUEUED / 2
    }

    /// A refill begins to read: arrivals from here on may or may not be in what it reads.
    pub(super) fn refill_begins(&mut self) -> DeliverySeq {
        self.missed = false;
        self.watermark
    }

    /// What a refill read after the watermark; `complete` if that was all that was there.
    /// Arrivals that were left to the ledger meanwhile may have come after the reading, so
    /// the lane takes arrivals in again only if there were none.
    pub(super) fn refilled(&mut self, deliveries: Vec<Delivery>, complete: bool) {
        for delivery in deliveries {
            self.watermark = delivery.seq;
            self.push(Job::new(delivery, false));
        }
        if complete && !self.missed {
            self.overflowed = false;
        }
    }
}

/// Bytes that a waiting job holds, about.
pub(super) fn weight(job: &Job) -> usize {
    job.delivery.event.payload.len() + 512
}
