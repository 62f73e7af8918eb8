//! The queues of all handlers, and the rule by which handlers share the threads.

mod claims;
mod ends;
mod starts;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::budget::{Budget, BudgetStatus, Resources};
use super::durations::Durations;
use super::handler_queue::{HandlerQueue, QueueStatus};
use super::options::PoolOptions;
use super::runnable::Runnable;
use super::suspects::Suspects;
use super::threads::GuestThreads;
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyClock;
use tollgate_ledger::{DeliveryId, LeasedDelivery, Pause};

/// The dispatcher's state, under its lock.
pub(in crate::dispatch) struct HandlerQueues {
    clock: Arc<SteadyClock>,
    queues: HashMap<HandlerName, HandlerQueue>,
    /// The handlers with something to run, each once. Threads take from the front and put the
    /// handler back at the end (round robin).
    ready: VecDeque<HandlerName>,
    /// The paused handlers, in the manifest or not.
    paused: BTreeMap<HandlerName, Pause>,
    /// Whether nothing starts at all, because the ledger was restored.
    on_hold: bool,
    suspects: Suspects,
    budget: Budget,
    /// The budget refused every ready handler: nothing starts until a run ends.
    exhausted: bool,
    /// Bytes of payload that may wait, over all handlers.
    max_bytes: usize,
    threads: GuestThreads,
    /// Nothing starts before this time, because the ledger cannot be used.
    suspended_until: Option<Instant>,
    registration: Registration,
    /// Whether something has changed that only the supervisor can act on.
    needs_look: bool,
    stopping: bool,
}

/// Whether the ledger knows the handlers that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Registration {
    Current,
    /// The handlers are registered, but the ledger may have a new delivery of another handler. A
    /// registration makes such a delivery `held`.
    Repeat,
    /// The handlers have changed. Until they are registered, a claim may miss deliveries that are
    /// to be released.
    Changed,
}

impl HandlerQueues {
    pub(in crate::dispatch) fn new(clock: Arc<SteadyClock>, options: &PoolOptions) -> Self {
        Self {
            clock,
            queues: HashMap::new(),
            ready: VecDeque::new(),
            paused: BTreeMap::new(),
            on_hold: false,
            suspects: Suspects::default(),
            budget: Budget::new(Resources {
                threads: options.threads,
                waiting: options.waiting,
                memory: options.memory,
            }),
            exhausted: false,
            max_bytes: options.queued_bytes,
            threads: GuestThreads::new(options.threads),
            suspended_until: None,
            registration: Registration::Current,
            needs_look: false,
            stopping: false,
        }
    }

    /// Runs `handlers` from now on. Drops the deliveries of other handlers.
    pub(in crate::dispatch) fn set_handlers(&mut self, handlers: Vec<Arc<dyn Runnable>>) {
        let mut old = std::mem::take(&mut self.queues);
        for runnable in handlers {
            let name = runnable.handler().name.clone();
            let queue = match old.remove(&name) {
                Some(mut queue) => {
                    queue.replace(runnable);
                    queue
                }
                None => {
                    let pause = self.paused.get(&name).copied();
                    HandlerQueue::new(runnable, self.clock.clone(), pause)
                }
            };
            self.queues.insert(name, queue);
        }
        let queues = &self.queues;
        self.ready.retain(|name| queues.contains_key(name));
        self.budget.retain(|name| queues.contains_key(name));
        self.exhausted = false;
        self.suspects
            .retain(|job| queues.contains_key(&job.delivery.handler));
        // A handler with more concurrency than before may have something to run.
        self.enlist_all();
        self.registration = Registration::Changed;
    }

    /// The settings and the component of a handler, if the handler is served.
    pub(in crate::dispatch) fn runnable(&self, name: &HandlerName) -> Option<Arc<dyn Runnable>> {
        self.queues.get(name).map(|queue| queue.runnable().clone())
    }

    pub(in crate::dispatch) fn set_memory(&mut self, bytes: usize) {
        self.budget.set_memory(bytes);
        self.exhausted = false;
    }

    pub(in crate::dispatch) fn budget(&self) -> BudgetStatus {
        self.budget.status()
    }

    /// Whether a run that may wait for answers is under way.
    pub(in crate::dispatch) fn any_waiting(&self) -> bool {
        self.budget.status().reserved.waiting > 0
    }

    pub(in crate::dispatch) fn threads(&self) -> &GuestThreads {
        &self.threads
    }

    pub(in crate::dispatch) fn threads_mut(&mut self) -> &mut GuestThreads {
        &mut self.threads
    }

    /// Starts no more deliveries of a handler.
    pub(in crate::dispatch) fn pause(&mut self, name: &HandlerName, pause: Pause) {
        self.paused.insert(name.clone(), pause);
        if let Some(queue) = self.queues.get_mut(name) {
            queue.set_pause(Some(pause));
        }
    }

    /// Starts deliveries of a handler again.
    pub(in crate::dispatch) fn resume(&mut self, name: &HandlerName) {
        self.paused.remove(name);
        if let Some(queue) = self.queues.get_mut(name) {
            queue.set_pause(None);
        }
        self.enlist(name);
    }

    /// Starts nothing while the hold lasts.
    pub(in crate::dispatch) fn set_hold(&mut self, hold: bool) {
        self.on_hold = hold;
    }

    pub(in crate::dispatch) fn pause_of(&self, name: &HandlerName) -> Option<Pause> {
        self.paused.get(name).copied()
    }

    /// Ends the trial of a handler's component, and lets a component that failed it run again.
    pub(in crate::dispatch) fn waive_trial(&mut self, name: &HandlerName) {
        if let Some(queue) = self.queues.get_mut(name) {
            queue.waive_trial();
        }
        self.enlist(name);
    }

    /// Takes in a new delivery.
    pub(in crate::dispatch) fn delivery_arrives(&mut self, leased: LeasedDelivery) {
        self.take_in(leased, HandlerQueue::delivery_arrives);
    }

    /// Takes in a delivery that stood behind another of its order key and may run now.
    pub(in crate::dispatch) fn delivery_released(&mut self, leased: LeasedDelivery) {
        self.take_in(leased, HandlerQueue::delivery_released);
    }

    /// Gives a delivery to its queue. A delivery that the queue does not take goes back to the
    /// ledger.
    fn take_in(
        &mut self,
        leased: LeasedDelivery,
        take: fn(&mut HandlerQueue, LeasedDelivery, bool) -> bool,
    ) {
        let name = leased.delivery.handler.clone();
        let bytes = leased.delivery.bytes();
        let max_bytes = self.bytes_per_queue();
        let Some(queue) = self.queues.get_mut(&name) else {
            self.repeat_registration();
            return;
        };
        let fits = queue.fits(bytes, max_bytes);
        if take(queue, leased, fits) {
            self.enlist(&name);
        } else {
            self.needs_look |= queue.wants_claim(self.clock.now(), max_bytes);
        }
    }

    /// Drops the waiting deliveries that an operator ended, and has the ledger looked at again.
    pub(in crate::dispatch) fn intervened(&mut self, ended: &[DeliveryId]) {
        if !ended.is_empty() {
            self.suspects
                .retain(|job| !ended.contains(&job.delivery.id));
            let queues = self.queues.values_mut();
            queues.for_each(|queue| queue.forget(ended));
        }
        // The handler of a replayed delivery may have left the manifest.
        self.repeat_registration();
    }

    fn repeat_registration(&mut self) {
        self.registration = self.registration.max(Registration::Repeat);
    }

    /// Lists a handler among the ready handlers, if it has something to run.
    fn enlist(&mut self, name: &HandlerName) {
        if let Some(queue) = self.queues.get_mut(name)
            && queue.enlist()
        {
            self.exhausted = false;
            self.ready.push_back(name.clone());
        }
    }

    /// Lists every handler that has something to run, such as handlers whose gate has opened.
    pub(in crate::dispatch) fn enlist_all(&mut self) {
        for (name, queue) in &mut self.queues {
            if queue.enlist() {
                self.exhausted = false;
                self.ready.push_back(name.clone());
            }
        }
    }

    /// The status of each handler's queue.
    pub(in crate::dispatch) fn status(&self) -> Vec<(HandlerName, QueueStatus)> {
        let queues = self.queues.iter();
        queues
            .map(|(name, queue)| (name.clone(), queue.status()))
            .collect()
    }

    /// The durations of each handler's attempts.
    pub(in crate::dispatch) fn durations(&self) -> Vec<(HandlerName, Arc<Durations>)> {
        let queues = self.queues.iter();
        queues
            .map(|(name, queue)| (name.clone(), queue.durations().clone()))
            .collect()
    }

    /// Whether nothing waits, runs or is being committed.
    pub(in crate::dispatch) fn idle(&self) -> bool {
        self.suspects.is_empty() && self.queues.values().all(HandlerQueue::is_idle)
    }

    /// Starts nothing more.
    pub(in crate::dispatch) fn stop(&mut self) {
        self.stopping = true;
    }

    pub(in crate::dispatch) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// The bytes that one queue may hold. A fixed part for each queue bounds the whole. A sum over
    /// all queues at each arrival would be slow with many handlers.
    fn bytes_per_queue(&self) -> usize {
        self.max_bytes / self.queues.len().max(1)
    }
}
