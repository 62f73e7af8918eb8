//! From recorded deliveries to runs of handlers: queues, fairness between handlers, due times, and
//! the next state of a delivery after an attempt.
//!
//! The ledger's writer hands deliveries over in memory as they are recorded. Memory is bounded:
//! deliveries that do not fit, and retries, stay in the ledger until the [supervisor] claims them.
//! Guests run on threads of their own, of lower priority than the threads that acknowledge: see
//! [`pool`].

mod breaker;
mod budget;
mod completion;
mod dead_letters;
mod dispatcher;
mod durations;
mod finish;
mod gate;
mod guest_thread;
mod handler_queue;
mod hold;
mod job;
mod keys;
mod options;
mod outcomes;
mod pool;
mod queues;
mod routes;
mod runnable;
mod shared;
mod supervisor;
mod suspects;
#[cfg(test)]
mod tests;
mod threads;
mod trial;
mod under_way;

pub use breaker::BreakerState;
pub use budget::{BudgetStatus, Resources};
pub use dispatcher::Dispatcher;
pub use durations::Durations;
pub use gate::GateStatus;
pub use handler_queue::QueueStatus;
pub use options::PoolOptions;
pub use outcomes::Outcomes;
pub use pool::Pool;
pub use routes::Routes;
pub use runnable::Runnable;
pub use trial::{TrialHook, TrialNews, TrialResult};
