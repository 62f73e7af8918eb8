//! The machine that writes: one thread, one transaction at a time, with all operations that wait.

mod batch;
mod news;
mod operation;
mod task;
mod transaction;
mod writer;

pub(crate) use operation::Operation;
pub(crate) use task::{RecordTask, Task, task};
pub(crate) use transaction::Tx;
pub(crate) use writer::Writer;
