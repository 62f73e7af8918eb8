//! Keeping the blocks by which lists are searched: see [`terms`](super::terms).
//!
//! A thread of its own makes a block behind the writer, once every number of the block has been
//! given and committed. The rows of a block never get other terms, and no row is added. So a block
//! stays true until its events are pruned: then the block is made anew, or goes. Rows that are in
//! no block are searched too, one by one. So a search misses nothing, however far the thread is.

mod block;
mod keep;
mod keeper;

pub(super) use keeper::BlockKeeper;
#[cfg(test)]
pub(super) use keeper::Step;
