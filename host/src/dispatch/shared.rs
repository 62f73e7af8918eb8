//! The state that the dispatcher's threads share.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};

use super::dead_letters::DeadLetters;
use super::options::PoolOptions;
use super::queues::HandlerQueues;
use super::routes::Routes;
use super::trial::{TrialHook, TrialNews};
use tollgate_base::time::SteadyClock;
use tollgate_ledger::Deliveries;

pub(super) struct Shared {
    pub(super) clock: Arc<SteadyClock>,
    pub(super) options: PoolOptions,
    pub(super) ledger: OnceLock<Arc<dyn Deliveries>>,
    pub(super) routes: ArcSwap<Routes>,
    pub(super) trials: OnceLock<TrialHook>,
    pub(super) dead_letters: DeadLetters,
    pub(super) queues: Mutex<HandlerQueues>,
    /// The guests' threads wait here for a task.
    pub(super) work: Condvar,
    /// The supervisor waits here until it is needed.
    pub(super) attention: Condvar,
    /// A caller who stops the pool waits here for the ends of threads and commits.
    pub(super) ended: Condvar,
}

impl Shared {
    pub(super) fn new(clock: Arc<SteadyClock>, options: PoolOptions) -> Self {
        let queues = HandlerQueues::new(clock.clone(), &options);
        Self {
            clock,
            options,
            ledger: OnceLock::new(),
            routes: ArcSwap::from_pointee(Routes::default()),
            trials: OnceLock::new(),
            dead_letters: DeadLetters::default(),
            queues: Mutex::new(queues),
            work: Condvar::new(),
            attention: Condvar::new(),
            ended: Condvar::new(),
        }
    }

    pub(super) fn ledger(&self) -> &Arc<dyn Deliveries> {
        self.ledger
            .get()
            .expect("threads are started with a ledger")
    }

    /// Reports news of a trial.
    pub(super) fn tell(&self, news: TrialNews) {
        if let Some(hook) = self.trials.get() {
            hook(news);
        }
    }

    /// Wakes the threads that can act on the present state of the queues.
    pub(super) fn notify(&self, queues: &HandlerQueues) {
        if queues.has_work() {
            if queues.threads().any_idle() {
                self.work.notify_one();
            } else if !queues.threads().watched() {
                self.attention.notify_one();
            }
        }
        if queues.needs_supervisor() {
            self.attention.notify_one();
        }
    }
}
