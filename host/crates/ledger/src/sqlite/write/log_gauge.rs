//! How long the write-ahead log is, for others than the writer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::LogSize;

/// Bytes of a page in the log: the page with its head.
const PAGE: u64 = 8192 + 24;

/// The last reading of the log's length.
#[derive(Default)]
pub(crate) struct LogGauge {
    bytes: AtomicU64,
    held_up: AtomicBool,
}

impl LogGauge {
    /// Stores a reading: the pages in the log, and whether a reader lets the log grow.
    pub(super) fn set(&self, pages: i64, held_up: bool) {
        let bytes = u64::try_from(pages).unwrap_or(0) * PAGE;
        self.bytes.store(bytes, Ordering::Relaxed);
        self.held_up.store(held_up, Ordering::Relaxed);
    }

    /// The last reading.
    pub(crate) fn size(&self) -> LogSize {
        LogSize {
            bytes: self.bytes.load(Ordering::Relaxed),
            held_up: self.held_up.load(Ordering::Relaxed),
        }
    }
}
