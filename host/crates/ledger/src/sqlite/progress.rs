//! The file beside the ledger that says how far the ledger had come: the progress.
//!
//! The progress is outside of the database, so that a start notices a database that is older than
//! the last run left it, or another one. The progress must never be ahead of the database:
//!
//! - The writer writes the progress after each commit, which is synced by then. So whatever a kill
//!   or a power cut leaves of these writes, the progress says no more than the database has.
//! - A write goes to the page cache alone, since each commit makes one. A kill keeps the write. A
//!   power cut may lose the last writes: then less is noticed, and nothing is noticed wrongly.
//!   Checkpoints and a clean end sync the file.
//! - The file has two places in sectors of their own, which are written in turn. Each entry has a
//!   checksum, so that a torn entry leaves the one before it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checksum::fnv1a;
use tollgate_base::files::{read_regular, write_atomically};
use tollgate_base::time::WallTime;

/// Begins each entry: the kind of file and its version.
const MAGIC: [u8; 8] = *b"tollprg1";

/// Bytes between the two places: more than the sectors that disks write whole.
const PLACE: usize = 4096;

/// Bytes of an entry.
const ENTRY: usize = 80;

/// Names one history of a ledger. A restore begins another one.
pub(crate) type Token = [u8; 16];

/// How far a ledger had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The history.
    pub(crate) token: Token,
    /// The number of the last commit.
    pub(crate) commits: u64,
    /// When the last commit was written.
    pub(crate) at: WallTime,
    /// What the database's file had by itself when all of the log was last moved into it.
    pub(crate) moved: Moved,
}

/// What the database's file has without its log. Every later log goes with this or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Moved {
    /// The number of the last commit; 0 if nothing is known.
    pub(crate) commits: u64,
    /// SQLite's number of changes of the schema: a copy by `VACUUM` or by SQLite's backup has
    /// another one.
    pub(crate) cookie: u32,
    /// The number of migrations that the file has had.
    pub(crate) version: u32,
}

/// The file, open to write.
pub(crate) struct ProgressFile {
    file: Arc<File>,
    path: PathBuf,
    progress: Progress,
    /// Counts the writes: the entry with the higher number is the newer one.
    number: u64,
    failed: bool,
}

/// The progress in the file at `path`; `None` if there is no file, or nothing in it can be read.
pub(crate) fn read(path: &Path) -> io::Result<Option<Progress>> {
    match read_regular(path, 2 * PLACE) {
        Ok(bytes) => Ok(newest(&bytes).map(|(_, progress)| progress)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The entry with the highest number, with its number.
fn newest(bytes: &[u8]) -> Option<(u64, Progress)> {
    bytes
        .chunks(PLACE)
        .filter_map(decode)
        .max_by_key(|(number, _)| *number)
}

/// Writes a new file with this progress, synced. The database must be so far, on disk.
pub(crate) fn replace(path: &Path, progress: &Progress) -> io::Result<()> {
    let mut bytes = vec![0; 2 * PLACE];
    bytes[..ENTRY].copy_from_slice(&encode(0, progress));
    write_atomically(path, &bytes)
}

impl ProgressFile {
    /// Begins anew with this progress. The database must be so far, on disk.
    pub(crate) fn begin(path: PathBuf, progress: Progress) -> io::Result<Self> {
        replace(&path, &progress)?;
        let file = OpenOptions::new().write(true).open(&path)?;
        Ok(Self {
            file: Arc::new(file),
            path,
            progress,
            number: 0,
            failed: false,
        })
    }

    /// The file, for syncs on another thread.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Notes a commit that is on disk.
    pub(crate) fn committed(&mut self, commits: u64, at: WallTime) {
        self.progress.commits = commits;
        self.progress.at = at;
        self.write();
    }

    /// Notes that the whole log has been moved into the database's file, and is on disk there.
    pub(crate) fn moved(&mut self, moved: Moved) {
        if self.progress.moved != moved {
            self.progress.moved = moved;
            self.write();
        }
    }

    /// Syncs the file, so that a power cut loses nothing of the progress.
    pub(crate) fn sync(&self) {
        sync(&self.file);
    }

    /// Writes the progress into the place of the older entry. A failure is logged once: the next
    /// start notices a restore less exactly, and nothing else happens.
    fn write(&mut self) {
        self.number += 1;
        let place = (self.number % 2) * PLACE as u64;
        let entry = encode(self.number, &self.progress);
        if let Err(error) = self.file.write_all_at(&entry, place)
            && !std::mem::replace(&mut self.failed, true)
        {
            tracing::warn!(
                %error,
                file = %self.path.display(),
                "cannot note how far the ledger has come; a restore may go unnoticed",
            );
        }
    }
}

/// Syncs the file. Without the sync, a start after a power cut notices less.
pub(crate) fn sync(file: &File) {
    if let Err(error) = file.sync_data() {
        tracing::debug!(%error, "the progress of the ledger could not be synced");
    }
}

fn encode(number: u64, progress: &Progress) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    let parts: [&[u8]; 8] = [
        &MAGIC,
        &number.to_le_bytes(),
        &progress.token,
        &progress.commits.to_le_bytes(),
        &progress.at.as_millis().to_le_bytes(),
        &progress.moved.commits.to_le_bytes(),
        &progress.moved.cookie.to_le_bytes(),
        &progress.moved.version.to_le_bytes(),
    ];
    let mut at = 0;
    for part in parts {
        entry[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    let checksum = fnv1a(entry[..ENTRY - 8].iter().copied());
    entry[ENTRY - 8..].copy_from_slice(&checksum.to_le_bytes());
    entry
}

fn decode(place: &[u8]) -> Option<(u64, Progress)> {
    let entry: &[u8; ENTRY] = place.first_chunk()?;
    let (body, checksum) = entry.split_last_chunk::<8>()?;
    if entry[..8] != MAGIC || fnv1a(body.iter().copied()) != u64::from_le_bytes(*checksum) {
        return None;
    }
    let long = |at: usize| {
        entry[at..]
            .first_chunk()
            .map(|part| u64::from_le_bytes(*part))
    };
    let short = |at: usize| {
        entry[at..]
            .first_chunk()
            .map(|part| u32::from_le_bytes(*part))
    };
    let progress = Progress {
        token: *entry[16..].first_chunk()?,
        commits: long(32)?,
        at: WallTime::from_millis(long(40)?),
        moved: Moved {
            commits: long(48)?,
            cookie: short(56)?,
            version: short(60)?,
        },
    };
    Some((long(8)?, progress))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn progress(commits: u64) -> Progress {
        Progress {
            token: [7; 16],
            commits,
            at: WallTime::from_millis(1_780_000_000_000 + commits),
            moved: Moved {
                commits: commits / 2,
                cookie: 31,
                version: 2,
            },
        }
    }

    #[test]
    fn the_last_mark_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress");
        assert_eq!(read(&path).unwrap(), None);
        let mut file = ProgressFile::begin(path.clone(), progress(0)).unwrap();
        assert_eq!(read(&path).unwrap(), Some(progress(0)));
        for commits in 1..5 {
            let Progress { at, moved, .. } = progress(commits);
            file.committed(commits, at);
            file.moved(moved);
            assert_eq!(read(&path).unwrap(), Some(progress(commits)));
        }
    }

    proptest! {
        /// Any byte of the newer entry may be wrong after a power cut, and any number of them.
        #[test]
        fn a_garbled_entry_leaves_the_one_before(
            places in prop::collection::vec((0..ENTRY, 1..=255_u8), 1..8),
        ) {
            let mut bytes = vec![0; 2 * PLACE];
            bytes[..ENTRY].copy_from_slice(&encode(8, &progress(8)));
            bytes[PLACE..PLACE + ENTRY].copy_from_slice(&encode(9, &progress(9)));
            prop_assert_eq!(newest(&bytes), Some((9, progress(9))));
            let before = bytes.clone();
            for (at, change) in places {
                bytes[PLACE + at] ^= change;
            }
            if bytes != before {
                prop_assert_eq!(newest(&bytes), Some((8, progress(8))));
            }
        }

        #[test]
        fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
            let _ = newest(&bytes);
        }
    }
}
