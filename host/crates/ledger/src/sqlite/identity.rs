//! Which files the ledger has open, and whether they are still the ledger's.
//!
//! Somebody may move, delete or replace files of the ledger under a running gateway. The gateway
//! would go on to write into files that no path leads to, and the next start would not find what
//! was acknowledged. So the writer compares the files at the ledger's paths with those that it has
//! open before it answers.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::open::beside;

/// The endings of the names of files that stay the same while a ledger is open: the database and
/// its write-ahead log, which hold what is acknowledged; the index of the log, and the file that is
/// locked.
const ENDINGS: [&str; 4] = ["", "-wal", "-shm", ".lock"];

/// How many of the files hold what is acknowledged.
const WITH_EVENTS: usize = 2;

/// The device and the inode of a file.
type Identity = (u64, u64);

/// The files of an open ledger.
#[derive(Debug)]
pub(crate) struct LedgerFiles(Vec<(PathBuf, Identity)>);

/// A file of the ledger is not where it was.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Displaced {
    /// There is no file, or the file cannot be looked at.
    #[error("{} was moved or deleted while the gateway had it open ({error})", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        error: String,
    },
    /// There is another file.
    #[error("{} was replaced while the gateway had it open", path.display())]
    Replaced {
        /// The path.
        path: PathBuf,
    },
}

impl LedgerFiles {
    /// The files of the ledger at `path` as they are now, which is open.
    ///
    /// # Errors
    /// A file is missing.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let files = ENDINGS.iter().map(|ending| {
            let path = beside(path, ending);
            let identity = identity(&path)?;
            Ok((path, identity))
        });
        Ok(Self(files.collect::<io::Result<_>>()?))
    }

    /// Looks whether the paths of the files that hold what is acknowledged still lead to them.
    /// The look takes a few microseconds.
    ///
    /// # Errors
    /// The first file for which they do not.
    pub(crate) fn check_events(&self) -> Result<(), Displaced> {
        check(&self.0[..WITH_EVENTS])
    }

    /// Looks whether all paths still lead to the same files.
    ///
    /// # Errors
    /// The first file for which they do not.
    pub(crate) fn check_all(&self) -> Result<(), Displaced> {
        check(&self.0)
    }
}

fn check(files: &[(PathBuf, Identity)]) -> Result<(), Displaced> {
    for (path, before) in files {
        match identity(path) {
            Ok(now) if now == *before => {}
            Ok(_) => return Err(Displaced::Replaced { path: path.clone() }),
            Err(error) => {
                return Err(Displaced::Missing {
                    path: path.clone(),
                    error: error.to_string(),
                });
            }
        }
    }
    Ok(())
}

fn identity(path: &Path) -> io::Result<Identity> {
    let metadata = path.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn files() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        for ending in ENDINGS {
            fs::write(beside(&path, ending), "x").unwrap();
        }
        (folder, path)
    }

    #[test]
    fn files_that_are_written_stay_the_same() {
        let (_folder, path) = files();
        let before = LedgerFiles::of(&path).unwrap();
        fs::write(&path, "longer than before").unwrap();
        assert_eq!(before.check_all(), Ok(()));
    }

    #[test]
    fn the_database_and_its_log_are_looked_at_before_each_answer() {
        for (index, ending) in ENDINGS.into_iter().enumerate() {
            let (_folder, path) = files();
            let before = LedgerFiles::of(&path).unwrap();
            fs::remove_file(beside(&path, ending)).unwrap();
            assert_eq!(before.check_events().is_err(), index < 2, "{ending}");
        }
    }

    #[test]
    fn each_file_is_missed_and_known_from_another() {
        for ending in ENDINGS {
            let (_folder, path) = files();
            let before = LedgerFiles::of(&path).unwrap();
            let (path, aside) = (beside(&path, ending), beside(&path, ".aside"));
            fs::rename(&path, &aside).unwrap();
            let missing = before.check_all().unwrap_err();
            assert!(matches!(missing, Displaced::Missing { .. }), "{missing}");
            fs::copy(&aside, &path).unwrap();
            let replaced = Displaced::Replaced { path: path.clone() };
            assert_eq!(
                before.check_all(),
                Err(replaced),
                "the same bytes are no excuse"
            );
            fs::rename(&aside, &path).unwrap();
            assert_eq!(before.check_all(), Ok(()));
        }
    }
}
