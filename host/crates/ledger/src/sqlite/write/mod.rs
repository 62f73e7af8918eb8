//! The machine that writes: a queue, one thread, one transaction at a time.
//!
//! A caller puts an operation with the way to its answer ([`task`](self::task())) into the
//! queue. The writer takes whatever waits, applies all of it in one transaction, commits, and
//! answers. Nothing here knows an operation of a caller by name: each of them implements
//! [`Operation`] in a file of its own.

mod batch;
mod checkpoint;
mod for_sink;
mod keep_time;
mod log_gauge;
mod memory;
mod names;
mod numbers;
mod operation;
mod recent_keys;
mod task;
mod transaction;
mod writer;

pub(super) use checkpoint::Checkpointer;
pub(super) use log_gauge::LogGauge;
pub(super) use memory::Memory;
pub(super) use operation::Operation;
#[cfg(test)]
pub(super) use recent_keys::MANY;
pub(super) use task::{AnyTask, task};
pub(super) use transaction::Transaction;
pub(super) use writer::Writer;
