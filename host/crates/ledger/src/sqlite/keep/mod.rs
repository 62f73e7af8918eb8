//! Keeping the ledger as small as retention asks for: finding events that have been kept long
//! enough, pruning and erasing them, and cleaning the files of their bytes.
//!
//! The [`Sweeper`] looks for such events without the writer, a page at a time. The operation
//! [`SweepStep`] judges each event again within the writer's transaction, before it changes
//! anything.

mod erase;
mod history;
mod judge;
mod pace;
mod pass;
mod prune;
mod scrub;
mod step;
mod sweeper;
mod vacuum;

#[cfg(test)]
pub(super) use erase::ERASE_SCHEDULED;
pub(super) use erase::Erase;
pub(super) use scrub::Scrubber;
pub(super) use sweeper::Sweeper;
