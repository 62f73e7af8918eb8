//! The running gateway: starts the parts in order, holds what they share, and ends them in order.

pub(crate) mod backlog;
pub(crate) mod core;
pub(crate) mod housekeeping;
pub(crate) mod pause;
pub mod schedule;
pub mod start;
