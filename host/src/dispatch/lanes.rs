//! All lanes together, and the rule by which handlers share the workers.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::gate::GateStatus;
use super::lane::{Job, Lane, SUSPECT, Task};
use super::outcomes::Outcomes;
use super::places::{Places, Room};
use super::{PoolOptions, Runnable};
use crate::settings::OnBlock;
use tollgate_base::event::HandlerName;
use tollgate_base::time::{SteadyClock, SteadyTime};
use tollgate_ledger::{DeliverySeq, LeasedDelivery, Pause};

/// What one handler has in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneStatus {
    /// Deliveries that wait.
    pub queued: usize,
    /// Bytes that these hold, about.
    pub queued_bytes: usize,
    /// Runs under way, until their ends are committed.
    pub running: usize,
    /// What holds those that wait back.
    pub gate: GateStatus,
    /// How its committed attempts ended.
    pub outcomes: Outcomes,
}

/// The dispatcher's state, under its lock.
pub(super) struct Lanes {
    clock: Arc<SteadyClock>,
    lanes: HashMap<HandlerName, Lane>,
    /// Handlers that have something to run, each once: workers take from the front and put
    /// the handler back at the end, so that all get their turn.
    row: VecDeque<HandlerName>,
    /// The handlers that are paused, whether they are there or not.
    paused: BTreeMap<HandlerName, Pause>,
    /// Deliveries that were under way at several unclean ends of the gateway. Each runs
    /// while nothing else does, so that nothing else is blamed for what it may do.
    quarantine: VecDeque<Job>,
    quarantine_runs: bool,
    places: Places,
    /// Nobody in the row may start a run until one ends.
    full: bool,
    max_bytes: usize,
    pub(super) threads: usize,
    pub(super) idle_workers: usize,
    /// Tasks handed out since the start: shows the supervisor whether work proceeds.
    pub(super) taken: u64,
    /// Nothing is handed out before this time, because the ledger cannot be written.
    paused_until: Option<Instant>,
    /// A delivery arrived for a handler that is not there.
    pub(super) orphans: bool,
    /// The handlers are others than those for which the ledger last held and released
    /// deliveries. Until it has, what a lane reads may not be all that is to be its own.
    pub(super) changed: bool,
    /// Something changed that only the supervisor can look at.
    pub(super) look: bool,
    /// Whether the supervisor looks at the workers' progress at short intervals.
    pub(super) ticking: bool,
    pub(super) stopping: bool,
    /// Which numbers of guest threads are taken.
    slots: Vec<bool>,
}

impl Lanes {
    pub(super) fn new(clock: Arc<SteadyClock>, options: &PoolOptions) -> Self {
        Self {
            clock,
            lanes: HashMap::new(),
            row: VecDeque::new(),
            paused: BTreeMap::new(),
            quarantine: VecDeque::new(),
            quarantine_runs: false,
            places: Places::new(Room {
                threads: options.threads,
                memory: options.memory,
            }),
            full: false,
            max_bytes: options.queued_bytes,
            threads: 0,
            idle_workers: 0,
            taken: 0,
            paused_until: None,
            orphans: false,
            changed: false,
            look: false,
            ticking: false,
            stopping: false,
            slots: vec![false; options.threads],
        }
    }

    pub(super) fn set_handlers(&mut self, handlers: Vec<Arc<dyn Runnable>>) {
        let mut old = std::mem::take(&mut self.lanes);
        for runnable in handlers {
            let name = runnable.handler().name.clone();
            let lane = match old.remove(&name) {
                Some(mut lane) => {
                    lane.gate
                        .replaced(lane.runnable.as_ref(), runnable.as_ref());
                    lane.runnable = runnable;
                    lane
                }
                None => {
                    let mut lane = Lane::new(runnable, self.clock.clone());
                    lane.gate.set_pause(self.paused.get(&name).copied());
                    lane
                }
            };
            self.lanes.insert(name, lane);
        }
        let lanes = &self.lanes;
        self.row.retain(|name| lanes.contains_key(name));
        self.places.forget_but(|name| lanes.contains_key(name));
        self.full = false;
        self.quarantine
            .retain(|job| lanes.contains_key(&job.delivery.handler));
        // More concurrency may make a waiting lane eligible.
        let names: Vec<_> = self.lanes.keys().cloned().collect();
        names.iter().for_each(|name| self.line_up(name));
        // What is due for handlers that are gone is to be held, what was held for those that
        // are back to be released.
        self.orphans = true;
        self.changed = true;
    }

    /// Handlers whose dead deliveries hold no key.
    pub(super) fn passing(&self) -> Vec<HandlerName> {
        let waits = |lane: &Lane| {
            let order = lane.runnable.handler().order.as_ref();
            order.is_some_and(|order| order.on_block == OnBlock::Wait)
        };
        let passing = self.lanes.iter().filter(|(_, lane)| !waits(lane));
        passing.map(|(name, _)| name.clone()).collect()
    }

    /// The handlers of which there is something to claim, and room for it.
    pub(super) fn wanting_claims(&self, now: SteadyTime) -> Vec<HandlerName> {
        let share = self.share_of_bytes();
        let wanting = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.wants_claim(now, share));
        wanting.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn names(&self) -> Vec<HandlerName> {
        self.lanes.keys().cloned().collect()
    }

    pub(super) fn get_mut(&mut self, name: &HandlerName) -> Option<&mut Lane> {
        self.lanes.get_mut(name)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&HandlerName, &mut Lane)> {
        self.lanes.iter_mut()
    }

    pub(super) fn arrive(&mut self, leased: LeasedDelivery) {
        self.take_in(leased, Lane::arrive);
    }

    /// Takes in a delivery whose turn has come.
    pub(super) fn release(&mut self, leased: LeasedDelivery) {
        self.take_in(leased, Lane::release);
    }

    /// Gives a delivery to its lane. What the lane does not take goes back to the ledger.
    fn take_in(
        &mut self,
        leased: LeasedDelivery,
        take: fn(&mut Lane, LeasedDelivery, bool) -> bool,
    ) {
        let name = leased.delivery.handler.clone();
        let bytes = leased.delivery.event.payload.len();
        // Summing over all lanes for each arrival would be slow with many handlers; a fair
        // share of the bytes for each lane bounds the whole as well.
        let share = self.share_of_bytes();
        let Some(lane) = self.lanes.get_mut(&name) else {
            self.orphans = true;
            return;
        };
        let fits = lane.queued_bytes() + bytes <= share || lane.queued() == 0;
        if take(lane, leased, fits) {
            self.line_up(&name);
        } else {
            self.look |= lane.wants_claim(self.clock.now(), share);
        }
    }

    /// Puts a handler into the row if it has something to run and is not there yet.
    pub(super) fn line_up(&mut self, name: &HandlerName) {
        if let Some(lane) = self.lanes.get_mut(name)
            && lane.eligible()
            && !lane.in_row
        {
            lane.in_row = true;
            self.full = false;
            self.row.push_back(name.clone());
        }
    }

    pub(super) fn set_memory(&mut self, bytes: usize) {
        self.places.set_memory(bytes);
        self.full = false;
    }

    /// What runs under way take, and what there is.
    pub(super) fn room(&self) -> (Room, Room) {
        (self.places.taken(), self.places.all())
    }

    /// Starts no more of a handler's deliveries, or starts them again.
    pub(super) fn set_pause(&mut self, name: &HandlerName, pause: Option<Pause>) {
        match pause {
            Some(pause) => _ = self.paused.insert(name.clone(), pause),
            None => _ = self.paused.remove(name),
        }
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.gate.set_pause(pause);
        }
        self.line_up(name);
    }

    pub(super) fn pause_of(&self, name: &HandlerName) -> Option<Pause> {
        self.paused.get(name).copied()
    }

    /// Puts into the row what waited for its gate, where that has opened by now.
    pub(super) fn look_at_gates(&mut self) {
        let mut opened = Vec::new();
        for (name, lane) in &self.lanes {
            if !lane.in_row && lane.eligible() {
                opened.push(name.clone());
            }
        }
        opened.iter().for_each(|name| self.line_up(name));
    }

    /// The next thing for a worker to do.
    pub(super) fn take(&mut self) -> Option<Task> {
        if self.quarantine_runs || self.pause_left().is_some() {
            return None;
        }
        if self.quarantine_waits() {
            return self.take_quarantined();
        }
        let (mut refused, now, share) = (false, self.clock.now(), self.share_of_bytes());
        for _ in 0..self.row.len() {
            let name = self.row.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&name) else {
                continue;
            };
            let (running, needs) = (lane.running, lane.needs());
            if !self.places.allow(&name, running, needs) {
                // Its turn comes when there is room; until then others are served.
                self.places.passed_over(&name, running, needs);
                self.row.push_back(name);
                refused = true;
                continue;
            }
            lane.in_row = false;
            self.places.served(&name);
            let Some(task) = lane.take() else { continue };
            self.look |= lane.wants_claim(now, share);
            self.line_up(&name);
            if let Task::Run(job, _) = &task
                && job.delivery.crashes >= SUSPECT
            {
                let Task::Run(job, _) = task else { continue };
                self.put_in_quarantine(&name, job);
                return self.take_quarantined();
            }
            return Some(self.hand_out(task));
        }
        self.full = refused;
        None
    }

    /// Whether something is to run alone. One whose handler was paused meanwhile holds
    /// nobody up.
    fn quarantine_waits(&self) -> bool {
        let next = self.quarantine.front();
        next.is_some_and(|job| !self.paused.contains_key(&job.delivery.handler))
    }

    fn put_in_quarantine(&mut self, name: &HandlerName, job: Job) {
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.running -= 1;
        }
        self.quarantine.push_back(job);
    }

    fn take_quarantined(&mut self) -> Option<Task> {
        if !self.places.empty() {
            return None;
        }
        let job = self.quarantine.pop_front()?;
        let lane = self.lanes.get_mut(&job.delivery.handler)?;
        lane.running += 1;
        let runnable = lane.runnable.clone();
        self.quarantine_runs = true;
        Some(self.hand_out(Task::Run(job, runnable)))
    }

    fn hand_out(&mut self, task: Task) -> Task {
        self.taken += 1;
        if let Task::Run(job, _) = &task {
            self.places.start(job.memory);
        }
        task
    }

    /// A run has ended; its end is on its way to the ledger.
    pub(super) fn ran(&mut self, job: &Job) {
        let name = &job.delivery.handler;
        self.places.end(job.memory);
        self.full = false;
        self.quarantine_runs = false;
        if let Some(lane) = self.lanes.get_mut(name) {
            // The lane may have been made anew since.
            lane.running = lane.running.saturating_sub(1);
            lane.uncommitted += 1;
        }
        self.line_up(name);
    }

    /// Another end of a run is on its way to the ledger.
    pub(super) fn commits(&mut self, name: &HandlerName) {
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.uncommitted += 1;
        }
    }

    /// Ends that are on their way to the ledger.
    pub(super) fn uncommitted(&self) -> usize {
        self.lanes.values().map(|lane| lane.uncommitted).sum()
    }

    /// Hands nothing out until then, because the ledger cannot be used.
    pub(super) fn pause(&mut self, until: Instant) {
        self.paused_until = Some(until);
        self.look = true;
    }

    /// Whether a worker that looked now would get something to do, as far as can be told
    /// without looking closely.
    pub(super) fn has_work(&self) -> bool {
        !self.quarantine_runs
            && self.pause_left().is_none()
            && (!self.row.is_empty() && !self.full
                || self.quarantine_waits() && self.places.empty())
    }

    /// How long nothing will be handed out yet.
    pub(super) fn pause_left(&self) -> Option<Duration> {
        let left = self.paused_until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Whether the supervisor has something to do now.
    pub(super) fn wants_attention(&self) -> bool {
        self.look || self.orphans
    }

    pub(super) fn look_again(&mut self) {
        self.look = true;
        // What is due may have changed in whatever way.
        for lane in self.lanes.values_mut() {
            lane.rest.due_at(SteadyTime::ZERO);
        }
    }

    /// Drops what waits of deliveries that an operator ended.
    pub(super) fn forget(&mut self, ended: &[DeliverySeq]) {
        self.quarantine
            .retain(|job| !ended.contains(&job.delivery.seq));
        self.lanes.values_mut().for_each(|lane| lane.forget(ended));
    }

    pub(super) fn status(&self) -> Vec<(HandlerName, LaneStatus)> {
        let status = |lane: &Lane| LaneStatus {
            queued: lane.queued(),
            queued_bytes: lane.queued_bytes(),
            running: lane.running + lane.uncommitted,
            gate: lane.gate.status(),
            outcomes: lane.outcomes,
        };
        self.lanes
            .iter()
            .map(|(name, lane)| (name.clone(), status(lane)))
            .collect()
    }

    pub(super) fn idle(&self) -> bool {
        self.quarantine.is_empty()
            && self.lanes.values().all(|lane| {
                lane.queued() == 0 && lane.running == 0 && lane.uncommitted == 0 && lane.has_all()
            })
    }

    /// A number for a new worker, from 0; `None` if there are as many as may be.
    pub(super) fn take_slot(&mut self) -> Option<usize> {
        let slot = self.slots.iter().position(|taken| !taken)?;
        self.slots[slot] = true;
        self.threads += 1;
        Some(slot)
    }

    /// A worker has ended.
    pub(super) fn free_slot(&mut self, slot: usize) {
        self.slots[slot] = false;
        self.threads -= 1;
    }

    /// Bytes that one lane may hold.
    pub(super) fn share_of_bytes(&self) -> usize {
        self.max_bytes / self.lanes.len().max(1)
    }
}
