//! Copies of a ledger, their checks, and the way back: the values.

use std::path::PathBuf;

use serde::Serialize;

use crate::Restore;
use tollgate_base::event::ComponentDigest;
use tollgate_base::time::WallTime;

/// The content of a ledger's file, as a check found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The bytes of the file.
    pub bytes: u64,
    /// The version of the schema.
    pub schema: usize,
    /// Events that are not pruned.
    pub events: u64,
    /// Deliveries of these events.
    pub deliveries: u64,
    /// Requests of the outbox.
    pub requests: u64,
    /// The receipt of the newest event.
    pub newest_event_ms: Option<WallTime>,
    /// Everything that is wrong with the file, as texts. Empty if the file is sound.
    pub problems: Vec<String>,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// The content of the copy.
    pub verified: Verified,
    /// The components that attempts in the copy name.
    pub components: Vec<ComponentDigest>,
}

/// A ledger that was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The content of the restored ledger.
    pub verified: Verified,
    /// What the ledger says of the restore from now on.
    pub restore: Restore,
    /// The folder that has the files that were there before; `None` if there were none.
    pub aside: Option<PathBuf>,
}
