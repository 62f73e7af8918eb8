//! From recorded deliveries to runs of handlers: queues, fairness between handlers, due
//! times, what an attempt's end means for its delivery.
//!
//! Deliveries come in memory from the ledger's writer as they are recorded. Memory is
//! bounded: what does not fit is read from the ledger again later, and so is what waits
//! to be retried. Guests run on threads of their own, of lower priority than those that
//! acknowledge; see [`pool`].

mod breaker;
mod finish;
mod gate;
mod keys;
mod lane;
mod lanes;
mod outcomes;
mod places;
mod pool;
mod routes;
mod supervisor;
#[cfg(test)]
mod tests;
mod trial;

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};

use crate::settings::Handler;
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::time::SteadyClock;
use tollgate_ledger::{Deliveries, Delivery, DeliverySeq, LeasedDelivery, Pause};
use tollgate_sandbox::Run;

pub use breaker::BreakerState;
pub use gate::GateStatus;
pub use lanes::LaneStatus;
use lanes::Lanes;
pub use outcomes::Outcomes;
pub use places::Room;
pub use pool::{Pool, PoolOptions};
pub use routes::Routes;
pub use trial::Verdict;

/// A handler that can be run: its settings together with its component.
pub trait Runnable: Send + Sync + 'static {
    /// The handler's settings.
    fn handler(&self) -> &Arc<Handler>;
    /// The component that runs.
    fn digest(&self) -> ComponentDigest;
    /// Whether it has just replaced another component that may have been better.
    fn on_trial(&self) -> bool {
        false
    }
    /// Runs it once, on this thread.
    fn run(&self, delivery: &Delivery) -> Run;
}

/// What the dispatcher finds out about a component that replaced another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialNews {
    /// The handler.
    pub handler: HandlerName,
    /// The component.
    pub component: ComponentDigest,
    /// What its trial came to; none if it had failed before, has been replaced, and a run
    /// that was under way on it has just broken down.
    pub verdict: Option<Verdict>,
}

/// Is told of trials. Must be short, must not block, must not call the dispatcher.
pub type TrialHook = Box<dyn Fn(TrialNews) + Send + Sync>;

/// The dispatcher. It exists before the ledger, which tells it of new deliveries, and
/// does nothing until it is [started](Dispatcher::start).
#[derive(Clone)]
pub struct Dispatcher {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<SteadyClock>,
    options: PoolOptions,
    ledger: OnceLock<Arc<dyn Deliveries>>,
    routes: ArcSwap<Routes>,
    trials: OnceLock<TrialHook>,
    lanes: Mutex<Lanes>,
    /// Workers wait here for something to run.
    work: Condvar,
    /// The supervisor waits here for something to look after.
    attention: Condvar,
    /// Whoever stops the pool waits here for workers to end.
    ended: Condvar,
}

impl Dispatcher {
    /// A dispatcher without handlers.
    pub fn new(clock: Arc<SteadyClock>, options: PoolOptions) -> Self {
        let lanes = Lanes::new(clock.clone(), &options);
        Self {
            shared: Arc::new(Shared {
                clock,
                options,
                ledger: OnceLock::new(),
                routes: ArcSwap::from_pointee(Routes::default()),
                trials: OnceLock::new(),
                lanes: Mutex::new(lanes),
                work: Condvar::new(),
                attention: Condvar::new(),
                ended: Condvar::new(),
            }),
        }
    }

    /// Starts the threads. Ends them, after the runs under way, when the guard is dropped.
    pub fn start(&self, ledger: Arc<dyn Deliveries>) -> std::io::Result<Pool> {
        // A second start would be a mistake of the program's; the first ledger stays.
        let _ = self.shared.ledger.set(ledger);
        Pool::start(self.shared.clone())
    }

    /// Lets guests grow to so many bytes together from now on.
    pub fn set_memory(&self, bytes: usize) {
        self.shared.lanes.lock().set_memory(bytes);
        self.wake();
    }

    /// What runs under way take, and what there is.
    pub fn room(&self) -> (Room, Room) {
        self.shared.lanes.lock().room()
    }

    /// Runs `handlers` from now on, by `routes`. Runs under way end as they began;
    /// deliveries of handlers that are no longer there leave the memory.
    pub fn set_handlers(&self, handlers: Vec<Arc<dyn Runnable>>, routes: Arc<Routes>) {
        self.shared.routes.store(routes);
        let mut lanes = self.shared.lanes.lock();
        lanes.set_handlers(handlers);
        drop(lanes);
        self.wake();
    }

    /// Has `hook` told of trials. Where nobody is, a component that fails its trial runs no
    /// more: there must be somebody who replaces or [acquits](Dispatcher::acquit) it.
    pub fn on_trials(&self, hook: TrialHook) {
        // A second hook would be a mistake of the program's; the first one stays.
        let _ = self.shared.trials.set(hook);
    }

    /// Lets a handler's component run on that has failed its trial.
    pub fn acquit(&self, handler: &HandlerName) {
        let mut lanes = self.shared.lanes.lock();
        if let Some(lane) = lanes.get_mut(handler) {
            lane.gate.acquit();
        }
        lanes.line_up(handler);
        drop(lanes);
        self.wake();
    }

    /// Starts no more of a handler's deliveries, or starts them again. Runs under way end;
    /// that there are none is seen in [`Dispatcher::status`]. The handler need not be there.
    pub fn set_pause(&self, handler: &HandlerName, pause: Option<Pause>) {
        self.shared.lanes.lock().set_pause(handler, pause);
        self.wake();
    }

    /// A handler's pause, if it is paused.
    pub fn pause_of(&self, handler: &HandlerName) -> Option<Pause> {
        self.shared.lanes.lock().pause_of(handler)
    }

    /// Takes in new deliveries, in the order of arrival. Does not block.
    pub fn recorded(&self, deliveries: Vec<LeasedDelivery>) {
        let mut lanes = self.shared.lanes.lock();
        for delivery in deliveries {
            lanes.arrive(delivery);
        }
        self.shared.notify(&lanes);
    }

    /// Takes in deliveries whose turn has come since they arrived. Does not block.
    pub fn released(&self, deliveries: Vec<LeasedDelivery>) {
        let mut lanes = self.shared.lanes.lock();
        for delivery in deliveries {
            lanes.release(delivery);
        }
        self.shared.notify(&lanes);
    }

    /// Looks at the clock and the ledger again, after the clock was set or state changed
    /// behind the dispatcher's back.
    pub fn wake(&self) {
        self.shared.lanes.lock().look_again();
        self.shared.attention.notify_all();
        self.shared.work.notify_all();
    }

    /// Looks at the ledger again after operators changed deliveries in it; those of `ended`
    /// that wait in memory are dropped.
    pub fn intervened(&self, ended: &[DeliverySeq]) {
        let mut lanes = self.shared.lanes.lock();
        if !ended.is_empty() {
            lanes.forget(ended);
        }
        // A handler may have left since it was looked for: its deliveries are to be held.
        lanes.orphans = true;
        drop(lanes);
        self.wake();
    }

    /// What each handler has queued and running.
    pub fn status(&self) -> Vec<(HandlerName, LaneStatus)> {
        self.shared.lanes.lock().status()
    }

    /// Whether nothing is queued, running or waiting for its commit.
    pub fn idle(&self) -> bool {
        self.shared.lanes.lock().idle()
    }
}

impl Shared {
    fn ledger(&self) -> &Arc<dyn Deliveries> {
        self.ledger
            .get()
            .expect("threads are started with a ledger")
    }

    fn tell(&self, news: TrialNews) {
        if let Some(hook) = self.trials.get() {
            hook(news);
        }
    }

    /// Wakes those that can do something about the present state of the lanes.
    fn notify(&self, lanes: &Lanes) {
        if lanes.has_work() {
            if lanes.idle_workers > 0 {
                self.work.notify_one();
            } else if !lanes.ticking {
                self.attention.notify_one();
            }
        }
        if lanes.wants_attention() {
            self.attention.notify_one();
        }
    }
}
