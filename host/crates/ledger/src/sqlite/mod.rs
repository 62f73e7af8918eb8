//! The embedded ledger: one SQLite file, one writer thread.
//!
//! Writes go through a bounded queue to the writer ([`write`](self::write)), which commits all
//! waiting operations in one synced transaction and then answers. Each kind of write is an
//! operation in [`operations`] or, if it keeps the ledger small, in [`keep`]. Reads have
//! connections of their own ([`read`]) and never wait for a write. The file is in WAL mode with
//! `synchronous=FULL`: an acknowledged event survives a power cut.
//!
//! Imports point one way. The leaves are at the bottom: `open`, `schema`, `rows`, `values`,
//! `error` and so on. `read` and `write` use the leaves; `operations` and `keep` use `write`;
//! `ledger`, `roles` and `reading` are above all.

mod blocks;
mod checksum;
mod counters;
mod error;
mod exchanges;
mod identity;
mod keep;
mod kept_time;
mod leases;
mod ledger;
mod lengths;
mod lineage;
mod maintain;
mod newest;
mod open;
mod operations;
mod options;
mod progress;
mod read;
mod reading;
mod recover;
mod roles;
mod rows;
mod running;
mod schema;
mod terms;
mod values;
mod write;

#[cfg(test)]
mod tests;

pub(super) use error::OpenError;
pub(super) use ledger::SqliteLedger;
pub(super) use maintain::{MaintainError, backup, restore, verify};
pub(super) use options::SqliteOptions;
pub(super) use read::SqliteReader;
