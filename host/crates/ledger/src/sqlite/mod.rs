//! The embedded ledger: one SQLite file, one writer thread.
//!
//! Writes go through a bounded queue to the writer ([`writer`]), which commits what
//! has gathered in one synced transaction ([`batch`]) and then answers. Reads have
//! connections of their own ([`reader`]) and never wait for a write. The file is in
//! WAL mode with `synchronous=FULL`: what was acknowledged survives a power cut.

mod backlog;
mod batch;
mod checkpoint;
mod complete;
mod erase;
mod error;
mod excuse;
mod history;
mod intervene;
mod kept_time;
mod keys;
mod ledger;
mod op;
mod open;
mod options;
mod order;
mod pace;
mod pauses;
mod prune;
mod queue;
mod reader;
mod reading;
mod reads;
mod record;
mod records;
mod recover;
mod requests;
mod roles;
mod rows;
mod running;
mod schedule;
mod schema;
mod settle;
mod state;
mod sweep;
mod sweep_pace;
mod tally;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use error::OpenError;
pub(super) use ledger::SqliteLedger;
pub(super) use options::SqliteOptions;
pub(super) use reader::SqliteReader;
