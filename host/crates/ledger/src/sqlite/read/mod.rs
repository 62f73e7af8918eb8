//! Reading beside the writer. Each read has a connection of its own and sees what has been
//! committed by then.
//!
//! Each query is one short statement, since a long read keeps the write-ahead log from being
//! used anew.

pub(super) mod alerts;
mod components;
pub(super) mod deliveries;
pub(super) mod gauges;
pub(super) mod handlers;
pub(super) mod outbox;
mod reader;
pub(super) mod records;
pub(super) mod resolutions;
pub(super) mod schedule;
pub(super) mod state;

pub(crate) use reader::SqliteReader;
