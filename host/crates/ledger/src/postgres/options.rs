//! How a ledger in PostgreSQL is opened.

use std::time::Duration;

/// How to open a ledger in PostgreSQL.
#[derive(Clone, Debug)]
pub(crate) struct PostgresOptions {
    /// The database: see [`super::url`].
    pub(crate) url: String,
    /// The gateway's name, for operators.
    pub(crate) name: String,
    /// The most operations that may wait to be written.
    pub(crate) queue: usize,
    /// The most bytes that the waiting operations may hold together.
    pub(crate) queue_bytes: usize,
    /// The most events that a handler may have scheduled.
    pub(crate) scheduled: u32,
    /// How long the leases of a gateway last that the database does not hear of.
    pub(crate) lease: Duration,
}

impl PostgresOptions {
    /// The defaults, for this database: 4096 operations, 64 MiB, 1,000,000 scheduled events a
    /// handler, leases of 15 seconds.
    pub(crate) fn new(url: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            name: name.into(),
            queue: 4096,
            queue_bytes: 64 * 1024 * 1024,
            scheduled: 1_000_000,
            lease: Duration::from_secs(15),
        }
    }
}
