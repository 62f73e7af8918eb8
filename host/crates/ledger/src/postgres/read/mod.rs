//! Reads. Each is a few short statements on a connection that other reads share.

pub(crate) mod claim;
pub(crate) mod gauges;
pub(crate) mod outbox;
pub(crate) mod records;
pub(crate) mod resolutions;
pub(crate) mod schedule;
pub(crate) mod small;
pub(crate) mod state;
