//! How an embedded ledger is opened.

use std::path::PathBuf;
use std::sync::Arc;

use super::terms;

/// Called with the reason when the process must end, since nobody knows any more what is on
/// disk.
pub(crate) type FatalHook = Arc<dyn Fn(&str) + Send + Sync>;

/// How to open an [`SqliteLedger`].
#[derive(Clone)]
pub(crate) struct SqliteOptions {
    /// The ledger's file. The file and its folder are made if they are missing. Beside the file
    /// lie files with its name and `-wal`, `-shm` (SQLite's), `.lock`, `.running`.
    pub(crate) path: PathBuf,
    /// The most operations that may wait to be written.
    pub(crate) queue: usize,
    /// The most bytes that the waiting operations may hold together.
    pub(crate) queue_bytes: usize,
    /// The most events that a handler may have scheduled.
    pub(crate) scheduled: u32,
    /// How many numbers a block for searches covers.
    pub(crate) search_block: i64,
    /// Called when the file fails (an I/O error, corruption) or the writer panics. The default
    /// aborts the process: the next one recovers from the file.
    pub(crate) fatal: FatalHook,
}

impl SqliteOptions {
    /// The defaults, for the file at `path`: 4096 operations, 64 MiB, 1,000,000 scheduled
    /// events a handler.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            queue: 4096,
            queue_bytes: 64 * 1024 * 1024,
            scheduled: 1_000_000,
            search_block: terms::BLOCK,
            fatal: Arc::new(|reason| {
                tracing::error!(reason, "the process ends");
                std::process::abort();
            }),
        }
    }
}
