//! The deliveries of one handler that are in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::budget::Need;
use super::durations::Durations;
use super::gate::{Gate, GateStatus};
use super::hold::Hold;
use super::job::{Job, Task};
use super::outcomes::Outcomes;
use super::runnable::Runnable;
use super::trial::{self, TrialResult};
use super::under_way::UnderWay;
use crate::refill::Remainder;
use crate::settings::OnBlock;
use tollgate_base::event::ComponentDigest;
use tollgate_base::time::{SteadyClock, SteadyTime};
use tollgate_ledger::{AttemptOutcome, Claimed, Completion, DeliveryId, LeasedDelivery, Pause};

/// How many deliveries of one handler wait in memory at most.
pub(super) const MAX_WAITING: usize = 1024;

/// How many times a job with conflicts runs beside the handler's other deliveries. After that the
/// job runs alone.
const MAX_CONFLICTS: u32 = 3;

/// How long the other deliveries of a handler that asks wait at first for a job that is to run
/// alone. Such a job may wait long for an answer, and so may the runs that have to end before it.
/// Its next run is given the answers that it has waited for.
const FIRST_HOLD: Duration = Duration::from_secs(1);

/// A handler's deliveries in memory, and its gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueStatus {
    /// Deliveries that wait.
    pub queued: usize,
    /// Bytes that the waiting deliveries hold, about.
    pub queued_bytes: usize,
    /// Runs under way, until their ends are committed.
    pub running: usize,
    /// The conditions that hold waiting deliveries back.
    pub gate: GateStatus,
    /// Committed attempts by outcome.
    pub outcomes: Outcomes,
}

/// The most that a claim may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClaimLimit {
    pub(super) deliveries: usize,
    pub(super) bytes: usize,
}

/// One handler's queue.
pub(super) struct HandlerQueue {
    runnable: Arc<dyn Runnable>,
    /// The conditions of a run beside a free place.
    gate: Gate,
    waiting: VecDeque<Job>,
    waiting_bytes: usize,
    /// Completions that replace one which could not be applied.
    commits: VecDeque<(Job, Box<Completion>)>,
    /// Jobs with too many conflicts. Each waits until nothing else of the handler is under way,
    /// and holds everything else back meanwhile, as long as `hold` lasts.
    alone: VecDeque<Job>,
    hold: Hold,
    clock: Arc<SteadyClock>,
    under_way: UnderWay,
    outcomes: Outcomes,
    durations: Arc<Durations>,
    /// The deliveries that memory leaves in the ledger.
    remainder: Remainder,
    /// Whether the handler stands in the list of handlers with something to run.
    listed: bool,
}

impl HandlerQueue {
    /// A queue of a handler whose deliveries are all in the ledger.
    pub(super) fn new(
        runnable: Arc<dyn Runnable>,
        clock: Arc<SteadyClock>,
        pause: Option<Pause>,
    ) -> Self {
        let mut gate = Gate::new(clock.clone(), runnable.as_ref());
        gate.set_pause(pause);
        Self {
            runnable,
            gate,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            commits: VecDeque::new(),
            alone: VecDeque::new(),
            hold: Hold::NONE,
            clock,
            under_way: UnderWay::default(),
            outcomes: Outcomes::default(),
            durations: Arc::default(),
            remainder: Remainder::unknown(),
            listed: false,
        }
    }

    /// The handler with the settings and the component that serve now.
    pub(super) fn runnable(&self) -> &Arc<dyn Runnable> {
        &self.runnable
    }

    /// Runs `runnable` from now on.
    pub(super) fn replace(&mut self, runnable: Arc<dyn Runnable>) {
        self.gate
            .replaced(self.runnable.as_ref(), runnable.as_ref());
        self.runnable = runnable;
    }

    pub(super) fn set_pause(&mut self, pause: Option<Pause>) {
        self.gate.set_pause(pause);
    }

    /// Ends the component's trial, and lets a component that failed it run again.
    pub(super) fn waive_trial(&mut self) {
        self.gate.waive_trial();
    }

    /// Whether an attempt broke down on a component that was replaced because it failed its trial.
    pub(super) fn is_late_breakdown(
        &self,
        component: ComponentDigest,
        outcome: AttemptOutcome,
    ) -> bool {
        self.gate.is_late_breakdown(component, outcome)
    }

    /// Whether a dead delivery of the handler holds its order key.
    pub(super) fn dead_hold_their_keys(&self) -> bool {
        let order = self.runnable.handler().order.as_ref();
        order.is_some_and(|order| order.on_block == OnBlock::Wait)
    }

    /// The handler's queue, runs and gate at present.
    pub(super) fn status(&self) -> QueueStatus {
        QueueStatus {
            queued: self.waiting(),
            queued_bytes: self.waiting_bytes,
            running: self.under_way.count(),
            gate: self.gate.status(),
            outcomes: self.outcomes,
        }
    }

    /// Whether nothing waits or is under way, in memory or, as far as is known, in the ledger.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting() == 0 && self.under_way.count() == 0 && !self.remainder.is_behind()
    }

    /// Deliveries that wait in memory.
    fn waiting(&self) -> usize {
        self.waiting.len() + self.alone.len()
    }

    /// How many deliveries from the ledger there is space for.
    fn space(&self) -> usize {
        MAX_WAITING.saturating_sub(self.waiting.len())
    }

    /// Runs that have not ended.
    pub(super) fn running(&self) -> usize {
        self.under_way.running()
    }

    /// Ends of runs that are on their way to the ledger.
    pub(super) fn uncommitted(&self) -> usize {
        self.under_way.uncommitted()
    }

    /// Whether there is a task for a thread now, as far as this handler is concerned.
    pub(super) fn has_task(&self) -> bool {
        if !self.commits.is_empty() {
            return true;
        }
        if !self.gate.is_open() {
            return false;
        }
        if self.is_held() {
            return self.under_way.count() == 0 && !self.alone.is_empty();
        }
        let concurrency = self.runnable.handler().concurrency;
        self.waiting() > 0 && self.under_way.running() < concurrency
    }

    /// Whether a job that runs alone, or waits for that, holds the others back.
    fn is_held(&self) -> bool {
        let any = self.under_way.is_alone() || !self.alone.is_empty();
        any && self.hold.lasts(self.clock.now())
    }

    /// What the next task takes. A commit needs no memory.
    pub(super) fn needs(&self) -> Need {
        if self.commits.is_empty() {
            self.run_needs()
        } else {
            Need::default()
        }
    }

    fn run_needs(&self) -> Need {
        Need {
            memory: self.runnable.handler().guest.limits.memory,
            asks: self.runnable.may_ask(),
        }
    }

    /// When there may be something to claim or to run, as far as that depends on the time.
    pub(super) fn next_look(&self) -> Option<SteadyTime> {
        // A due delivery without space in memory waits for runs and not for a time.
        let due = self.remainder.next();
        let due = due.filter(|_| self.space() > 0 || self.gate.is_open());
        let gate = self.gate.opens_at().filter(|_| self.waiting() > 0);
        // If the gate is open, the handler is listed already.
        let gate = gate.filter(|_| !self.gate.is_open());
        let hold = self.hold.ends().filter(|_| self.is_held());
        due.into_iter().chain(gate).chain(hold).min()
    }

    /// Starts the next task; `None` if there is none now.
    pub(super) fn start_task(&mut self) -> Option<Task> {
        if !self.has_task() {
            return None;
        }
        if let Some((job, completion)) = self.commits.pop_front() {
            return Some(Task::Commit(job, completion));
        }
        let is_held = self.is_held();
        let mut job = match self.alone.pop_front() {
            Some(job) => job,
            None => {
                let job = self.waiting.remove(self.next_place())?;
                self.waiting_bytes -= job.weight();
                job
            }
        };
        match is_held {
            true => self.under_way.run_starts_alone(),
            false => self.under_way.run_starts(),
        }
        job.need = self.run_needs();
        job.admission = self.gate.run_starts(&job.delivery);
        Some(Task::Run(job, self.runnable.clone()))
    }

    /// The place of the job that runs next. A probe takes a first attempt if there is one, since a
    /// retry may fail for a reason of its own.
    fn next_place(&self) -> usize {
        let first_attempt = || {
            let is_first = |job: &Job| trial::is_first_attempt(&job.delivery);
            self.waiting.iter().position(is_first)
        };
        let probes = self.gate.is_probing();
        probes.then(first_attempt).flatten().unwrap_or(0)
    }

    /// A run that was to start has to wait until it can run alone.
    pub(super) fn run_deferred(&mut self) {
        self.under_way.run_deferred();
    }

    /// A deferred run starts. Returns the component that runs.
    pub(super) fn deferred_run_starts(&mut self) -> Arc<dyn Runnable> {
        self.under_way.run_starts();
        self.runnable.clone()
    }

    /// A run has ended, and its end goes to the ledger. `outcome` is `None` if the end says nothing
    /// about the handler. Returns the result of the component's trial if this run ends the trial.
    pub(super) fn run_ended(
        &mut self,
        job: &mut Job,
        outcome: Option<AttemptOutcome>,
    ) -> Option<TrialResult> {
        let result = self
            .gate
            .run_ended(std::mem::take(&mut job.admission), outcome);
        self.under_way.run_ended();
        result
    }

    /// Another end of a run is on its way to the ledger.
    pub(super) fn commit_begins(&mut self) {
        self.under_way.commit_begins();
    }

    /// The ledger has answered a commit.
    pub(super) fn commit_ended(&mut self) {
        let ran_alone = self.under_way.is_alone();
        self.under_way.commit_ended();
        if ran_alone && !self.under_way.is_alone() && self.alone.is_empty() {
            self.hold.end();
        }
    }

    /// The ledger has committed an attempt that took so many microseconds.
    pub(super) fn count_attempt(&mut self, outcome: AttemptOutcome, duration_us: u64) {
        self.outcomes.count(outcome);
        self.durations.count(outcome, duration_us);
    }

    /// How long the handler's attempts take.
    pub(super) fn durations(&self) -> &Arc<Durations> {
        &self.durations
    }

    /// Adds a new delivery, unless `fits` is false or older deliveries were left in the ledger.
    /// Returns whether the delivery is in memory now.
    pub(super) fn delivery_arrives(&mut self, leased: LeasedDelivery, fits: bool) -> bool {
        let in_order = !self.remainder.is_behind();
        self.delivery_released(leased, fits && in_order)
    }

    /// Adds a delivery that stood behind another of its order key, unless `fits` is false. The
    /// delivery is older than the deliveries that were left in the ledger. Returns whether it is in
    /// memory now.
    pub(super) fn delivery_released(&mut self, leased: LeasedDelivery, fits: bool) -> bool {
        if !fits || self.space() == 0 {
            self.remainder.left_behind();
            return false;
        }
        self.add(Job::new(leased));
        true
    }

    /// Whether a payload of `bytes` fits into `max_bytes` beside the waiting deliveries. An empty
    /// queue takes any payload.
    pub(super) fn fits(&self, bytes: usize, max_bytes: usize) -> bool {
        self.waiting_bytes + bytes <= max_bytes || self.waiting() == 0
    }

    fn add(&mut self, job: Job) {
        self.waiting_bytes += job.weight();
        self.waiting.push_back(job);
    }

    /// Puts a job back in front of the others, because nothing of its run was committed.
    pub(super) fn put_back(&mut self, job: Job) {
        self.waiting_bytes += job.weight();
        self.waiting.push_front(job);
    }

    /// Queues the commit of a completion in place of a completion that could not be applied.
    pub(super) fn commit_instead(&mut self, job: Job, completion: Completion) {
        self.commits.push_back((job, Box::new(completion)));
    }

    /// A commit found that values which `job` read have changed. The job runs anew.
    pub(super) fn conflicted(&mut self, mut job: Job) {
        job.conflicts += 1;
        let often = job.conflicts >= MAX_CONFLICTS;
        if often && self.hold.begin(self.clock.now(), self.longest_hold(&job)) {
            self.alone.push_back(job);
        } else {
            self.put_back(job);
        }
    }

    /// For how long a job that is to run alone may hold the others back. The longer, the more
    /// conflicts the job has met, so that it runs alone in the end.
    fn longest_hold(&self, job: &Job) -> Duration {
        if !self.runnable.may_ask() {
            // Such runs compute, each until its timeout at most.
            return Duration::MAX;
        }
        let doubled = (job.conflicts - MAX_CONFLICTS).min(16);
        // The runs before it end within a timeout, and its own within another.
        let timeout = self.runnable.handler().guest.limits.timeout;
        FIRST_HOLD
            .saturating_mul(1 << doubled)
            .min(timeout.saturating_mul(2))
    }

    /// Drops the waiting deliveries in `ended`, since an operator ended them.
    pub(super) fn forget(&mut self, ended: &[DeliveryId]) {
        let stays = |job: &Job| !ended.contains(&job.delivery.id);
        self.waiting.retain(stays);
        self.waiting_bytes = self.waiting.iter().map(Job::weight).sum();
        self.alone.retain(stays);
    }

    /// The ledger holds a delivery that is due then.
    pub(super) fn due_at(&mut self, due: SteadyTime) {
        self.remainder.due_at(due);
    }

    /// Whether there is something to claim at `now`, and space for it within `max_bytes`.
    pub(super) fn wants_claim(&self, now: SteadyTime, max_bytes: usize) -> bool {
        let is_free = |part: usize| {
            self.waiting.is_empty()
                || self.waiting.len() < MAX_WAITING / part && self.waiting_bytes < max_bytes / part
        };
        self.remainder.wants_claim(now, is_free)
    }

    /// A claim begins, with `max_bytes` for the whole queue.
    pub(super) fn claim_begins(&mut self, max_bytes: usize) -> ClaimLimit {
        self.remainder.claim_begins();
        ClaimLimit {
            deliveries: self.space(),
            bytes: max_bytes.saturating_sub(self.waiting_bytes),
        }
    }

    /// A claim has ended. Adds the deliveries that it leased.
    pub(super) fn claim_ended(&mut self, claimed: Claimed) {
        self.remainder.claim_ended(claimed.more, claimed.next);
        for leased in claimed.leased {
            self.add(Job::new(leased));
        }
    }

    /// A claim has failed: its deliveries are still in the ledger.
    pub(super) fn claim_failed(&mut self) {
        self.remainder.left_behind();
    }

    /// Lists the handler, if it has a task and is not listed yet. Returns whether it was added.
    pub(super) fn enlist(&mut self) -> bool {
        let enlists = !self.listed && self.has_task();
        self.listed |= enlists;
        enlists
    }

    /// The handler leaves the list.
    pub(super) fn delist(&mut self) {
        self.listed = false;
    }
}
