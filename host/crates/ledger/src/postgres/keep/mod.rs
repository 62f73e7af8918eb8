//! Keeping the ledger as small as retention asks for: finding events that have been kept long
//! enough, pruning and erasing them.
//!
//! The [`Sweeper`] looks for such events without the writer, a page at a time. The operation
//! [`SweepStep`] judges each event again within the writer's transaction, before it changes
//! anything.

mod erase;
mod history;
mod judge;
mod prune;
mod step;
mod sweeper;

pub(crate) use erase::Erase;
pub(crate) use sweeper::Sweeper;
