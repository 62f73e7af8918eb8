//! How short the files of an open ledger can be.
//!
//! Somebody may cut the ledger's files under a running gateway: a script that empties logs, a
//! redirection of a shell. SQLite does not notice: SQLite goes on behind the end, and the system
//! fills the gap with zeros. What was acknowledged is then gone. So the writer compares the lengths
//! with what SQLite must have left.
//!
//! - **The log** has all the frames that SQLite counts. SQLite sets the count to zero before it
//!   cuts the log itself.
//! - **The database** shrinks at the end of a checkpoint alone, to the pages of a committed state.
//!   So the database can shrink only after a commit that took pages away: a vacuum.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::{Connection, Result};

/// Bytes of the head of a write-ahead log.
/// Source: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.
const LOG_HEAD: u64 = 32;

/// Bytes before each page in the log. The first four are the page's number, which is never zero.
const FRAME_HEAD: u64 = 24;

/// More pages than one commit adds: another process may take pages away just before a commit of
/// ours, which then hides how many.
const COMMIT_PAGES: u64 = 4096;

/// The length of the database's file.
#[derive(Debug)]
pub(super) struct DatabaseLength {
    /// Bytes of a page.
    page: u64,
    /// Bytes when the file was last looked at.
    seen: u64,
    /// Pages of the last known state.
    pages: u64,
    /// The fewest pages to which a checkpoint may cut the file; `None` if there was no vacuum.
    least: Option<u64>,
}

impl DatabaseLength {
    /// A file of this length, whose last committed state has `pages` pages of `page` bytes. No
    /// checkpoint is under way.
    pub(super) fn new(bytes: u64, page: u64, pages: u64) -> Self {
        let mut length = Self {
            page,
            seen: bytes,
            pages: bytes / page,
            least: None,
        };
        length.committed(pages);
        length
    }

    /// Notes that the last committed state has so many pages.
    pub(super) fn committed(&mut self, pages: u64) {
        if pages < self.pages {
            let least = pages.saturating_sub(COMMIT_PAGES).max(1);
            self.least = Some(self.least.map_or(least, |before| before.min(least)));
        }
        self.pages = pages;
    }

    /// Notes that a checkpoint has just moved the whole log into the file, which then has `bytes`:
    /// no later checkpoint cuts the file to an earlier state.
    pub(super) fn moved(&mut self, bytes: u64, pages: u64) {
        if bytes >= pages * self.page {
            *self = Self::new(bytes, self.page, pages);
        }
    }

    /// Whether SQLite may have left the file with this length. `pages` counts those of the last
    /// committed state, and is only asked if the file has shrunk.
    pub(super) fn allows(&mut self, bytes: u64, pages: impl FnOnce() -> Result<u64>) -> bool {
        if bytes < self.seen {
            // Without an answer the loss has no excuse.
            if let Ok(pages) = pages() {
                self.committed(pages);
            }
            if self.least.is_none_or(|least| bytes < least * self.page) {
                return false;
            }
        }
        self.seen = bytes;
        true
    }
}

/// The length of the log's file.
#[derive(Debug)]
pub(super) struct LogLength {
    /// The log, open.
    file: File,
    /// Bytes of a page.
    page: u64,
    /// Frames that the log had when they were last counted.
    frames: u64,
}

impl LogLength {
    /// The log at `path`, which has `frames` with pages of `page` bytes.
    ///
    /// # Errors
    /// The log cannot be opened.
    pub(super) fn open(path: &Path, page: u64, frames: u64) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            page,
            frames,
        })
    }

    /// Notes that the log has so many frames.
    pub(super) fn committed(&mut self, frames: u64) {
        self.frames = frames;
    }

    /// Whether the log has all its frames. `count` counts them anew, and is only asked if some are
    /// missing.
    pub(super) fn is_whole(&mut self, mut count: impl FnMut() -> Result<u64>) -> bool {
        while !self.has_frames() {
            match count() {
                // The log was begun anew since.
                Ok(frames) if frames < self.frames => self.frames = frames,
                // Another process may have written in between.
                _ => return self.has_frames(),
            }
        }
        true
    }

    /// Whether the file is long enough, and its last frame is no gap that the system filled.
    fn has_frames(&self) -> bool {
        let Some(last) = self.frames.checked_sub(1) else {
            return true;
        };
        let frame = FRAME_HEAD + self.page;
        let start = LOG_HEAD + last * frame;
        let mut number = [0; 4];
        let read = self.file.read_exact_at(&mut number, start);
        let long_enough = |length: u64| length >= start + frame;
        read.is_ok()
            && number != [0; 4]
            && self.file.metadata().is_ok_and(|log| long_enough(log.len()))
    }
}

/// The pages of the last committed state.
pub(super) fn pages(conn: &Connection) -> Result<u64> {
    count(conn, "PRAGMA page_count", 0)
}

/// Bytes of a page.
pub(super) fn page_size(conn: &Connection) -> Result<u64> {
    count(conn, "PRAGMA page_size", 0)
}

/// The frames in the log.
pub(super) fn frames(conn: &Connection) -> Result<u64> {
    count(conn, "PRAGMA wal_checkpoint(NOOP)", 1)
}

fn count(conn: &Connection, pragma: &str, column: usize) -> Result<u64> {
    conn.prepare_cached(pragma)?
        .query_row([], |row| row.get(column))
        .map(|count: i64| u64::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 8192;

    fn database(pages: u64) -> DatabaseLength {
        DatabaseLength::new(pages * PAGE, PAGE, pages)
    }

    #[test]
    fn a_database_without_a_vacuum_never_shrinks() {
        let mut length = database(10_000);
        length.committed(10_005);
        assert!(length.allows(10_000 * PAGE, || unreachable!()));
        assert!(length.allows(10_005 * PAGE, || unreachable!()));
        assert!(!length.allows(10_005 * PAGE - 1, || Ok(10_005)));
        assert!(!length.allows(0, || Ok(10_005)));
    }

    #[test]
    fn a_vacuum_of_ours_or_of_others_lets_the_database_shrink() {
        let mut ours = database(10_000);
        ours.committed(9_936);
        ours.committed(10_010);
        assert!(ours.allows(9_936 * PAGE, || Ok(10_010)));
        assert!(!ours.allows(0, || Ok(10_010)));
        let mut others = database(10_000);
        assert!(
            others.allows(700 * PAGE, || Ok(710)),
            "and a commit of ours"
        );
        assert!(!others.allows(0, || Ok(710)));
    }

    #[test]
    fn a_whole_checkpoint_ends_what_a_vacuum_allowed() {
        let mut length = database(10_000);
        length.committed(9_936);
        length.moved(9_936 * PAGE, 9_936);
        length.committed(9_937);
        assert!(!length.allows(9_936 * PAGE - 1, || Ok(9_937)));
        length.moved(0, 9_937);
        assert!(!length.allows(0, || Ok(9_937)), "a cut is no checkpoint");
    }

    #[test]
    fn a_vacuum_that_is_only_in_the_log_at_the_start_is_known() {
        let mut length = DatabaseLength::new(10_000 * PAGE, PAGE, 9_000);
        assert!(length.allows(9_000 * PAGE, || Ok(9_000)));
    }

    /// A log of so many frames, with the frames' numbers.
    fn log(frames: u64) -> (tempfile::NamedTempFile, LogLength) {
        let file = tempfile::NamedTempFile::new().unwrap();
        write(&file, 0, frames);
        let log = LogLength::open(file.path(), PAGE, frames).unwrap();
        (file, log)
    }

    fn write(file: &tempfile::NamedTempFile, first: u64, end: u64) {
        for frame in first..end {
            let start = LOG_HEAD + frame * (FRAME_HEAD + PAGE);
            let bytes = [vec![0, 0, 0, 7], vec![0; (FRAME_HEAD + PAGE) as usize - 4]].concat();
            file.as_file().write_all_at(&bytes, start).unwrap();
        }
    }

    #[test]
    fn each_cut_of_the_log_is_seen_also_when_the_log_went_on_behind_it() {
        let whole = LOG_HEAD + 3 * (FRAME_HEAD + PAGE);
        for cut in [0, LOG_HEAD, 9_000, whole - 1] {
            let (file, mut log) = log(3);
            assert!(log.is_whole(|| unreachable!()));
            file.as_file().set_len(cut).unwrap();
            assert!(!log.is_whole(|| Ok(3)), "{cut}");
            if cut < whole - PAGE {
                write(&file, 3, 5);
                assert!(!log.is_whole(|| Ok(5)), "{cut}");
            }
        }
    }

    #[test]
    fn a_log_that_is_begun_anew_is_whole() {
        let (file, mut log) = log(3);
        file.as_file().set_len(0).unwrap();
        assert!(log.is_whole(|| Ok(0)));
        write(&file, 0, 2);
        log.committed(2);
        assert!(log.is_whole(|| unreachable!()));
    }
}
