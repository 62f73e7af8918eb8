//! The dispatcher as the rest of the gateway sees it.

use std::sync::Arc;

use super::budget::BudgetStatus;
use super::durations::Durations;
use super::handler_queue::QueueStatus;
use super::options::PoolOptions;
use super::pool::Pool;
use super::routes::Routes;
use super::runnable::Runnable;
use super::shared::Shared;
use super::trial::TrialHook;
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyClock;
use tollgate_ledger::{Deliveries, DeliveryId, LeasedDelivery, Pause};

/// The dispatcher. It exists before the ledger, which hands new deliveries to it, and runs nothing
/// until it is [started](Dispatcher::start).
#[derive(Clone)]
pub struct Dispatcher {
    shared: Arc<Shared>,
}

impl Dispatcher {
    /// A dispatcher without handlers.
    pub fn new(clock: Arc<SteadyClock>, options: PoolOptions) -> Self {
        Self {
            shared: Arc::new(Shared::new(clock, options)),
        }
    }

    /// Starts the threads. When the guard is dropped, the threads end after the runs under way.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(&self, ledger: Arc<dyn Deliveries>) -> std::io::Result<Pool> {
        // A second start would be a mistake in the program. The first ledger stays.
        let _ = self.shared.ledger.set(ledger);
        Pool::start(self.shared.clone())
    }

    /// From now on guests may grow to `bytes` together.
    pub fn set_memory(&self, bytes: usize) {
        self.shared.queues.lock().set_memory(bytes);
        self.wake();
    }

    /// The threads and the memory of the runs under way, and their limit.
    pub fn budget(&self) -> BudgetStatus {
        self.shared.queues.lock().budget()
    }

    /// Runs `handlers` from now on, by `routes`. Runs under way end as they began. Deliveries of
    /// handlers that are not in `handlers` leave the memory.
    pub fn set_handlers(&self, handlers: Vec<Arc<dyn Runnable>>, routes: Arc<Routes>) {
        self.shared.routes.store(routes);
        self.shared.queues.lock().set_handlers(handlers);
        self.wake();
    }

    /// Calls `hook` with news of trials. A component that fails its trial runs no more, until the
    /// hook's owner replaces the component or [waives](Dispatcher::waive_trial) the trial.
    pub fn on_trials(&self, hook: TrialHook) {
        // A second hook would be a mistake in the program. The first hook stays.
        let _ = self.shared.trials.set(hook);
    }

    /// Ends the trial of a handler's component, and lets a component that failed it run again.
    pub fn waive_trial(&self, handler: &HandlerName) {
        self.shared.queues.lock().waive_trial(handler);
        self.wake();
    }

    /// Pauses a handler or, without a pause, resumes it. While a handler is paused, none of its
    /// deliveries starts. Runs under way end: [`Dispatcher::status`] shows how many there are. The
    /// handler need not be in the manifest.
    pub fn set_pause(&self, handler: &HandlerName, pause: Option<Pause>) {
        let mut queues = self.shared.queues.lock();
        match pause {
            Some(pause) => queues.pause(handler, pause),
            None => queues.resume(handler),
        }
        drop(queues);
        self.wake();
    }

    /// Starts nothing while the hold lasts, of no handler. Runs under way end.
    pub fn set_hold(&self, hold: bool) {
        self.shared.queues.lock().set_hold(hold);
        self.wake();
    }

    /// A handler's pause, if the handler is paused.
    pub fn pause_of(&self, handler: &HandlerName) -> Option<Pause> {
        self.shared.queues.lock().pause_of(handler)
    }

    /// Takes in new deliveries, in the order of arrival. Does not block.
    pub fn recorded(&self, deliveries: Vec<LeasedDelivery>) {
        let mut queues = self.shared.queues.lock();
        for delivery in deliveries {
            queues.delivery_arrives(delivery);
        }
        self.shared.notify(&queues);
    }

    /// Takes in deliveries that stood behind another of their order key and may run now. Does not
    /// block.
    pub fn released(&self, deliveries: Vec<LeasedDelivery>) {
        let mut queues = self.shared.queues.lock();
        for delivery in deliveries {
            queues.delivery_released(delivery);
        }
        self.shared.notify(&queues);
    }

    /// Looks at the clock and at the ledger again, after the clock was set or the ledger was
    /// changed without the dispatcher.
    pub fn wake(&self) {
        self.shared.queues.lock().look_again();
        self.shared.attention.notify_all();
        self.shared.work.notify_all();
    }

    /// Looks at the ledger again after an operator changed deliveries in it. Drops the deliveries
    /// in `ended` that wait in memory.
    pub fn intervened(&self, ended: &[DeliveryId]) {
        self.shared.queues.lock().intervened(ended);
        self.wake();
    }

    /// The waiting deliveries and the runs of each handler, and its gate.
    pub fn status(&self) -> Vec<(HandlerName, QueueStatus)> {
        self.shared.queues.lock().status()
    }

    /// How long the attempts of each handler take.
    pub fn durations(&self) -> Vec<(HandlerName, Arc<Durations>)> {
        self.shared.queues.lock().durations()
    }

    /// Whether nothing waits, runs or is being committed.
    pub fn idle(&self) -> bool {
        self.shared.queues.lock().idle()
    }
}
