//! The machine that writes: one thread, one transaction at a time, with all operations that wait.

mod batch;
mod task;
mod writer;

pub(crate) use task::{RecordTask, Task, task};
pub(crate) use writer::Writer;
