//! Which files the ledger has open, and whether they are still the ledger's.
//!
//! Somebody may move, delete or replace files of the ledger under a running gateway. The gateway
//! would go on to write into files that no path leads to, and the next start would not find what
//! was acknowledged. So the writer compares the files at the ledger's paths with those that it has
//! open before it answers, and looks whether somebody has [cut](super::lengths) one of them.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::lengths::{self, DatabaseLength, LogLength};
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
pub(crate) struct LedgerFiles {
    files: Vec<(PathBuf, Identity)>,
    database: DatabaseLength,
    log: LogLength,
}

/// A file of the ledger is not what or where it was.
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
    /// The file is shorter than what was committed into it.
    #[error("{} was cut while the gateway had it open", path.display())]
    Cut {
        /// The path.
        path: PathBuf,
    },
}

impl LedgerFiles {
    /// The files of the ledger at `path` as they are now, which `conn` has open.
    ///
    /// # Errors
    /// A file is missing, or SQLite cannot say how long the files must be.
    pub(crate) fn of(path: &Path, conn: &Connection) -> io::Result<Self> {
        let files = ENDINGS.iter().map(|ending| {
            let path = beside(path, ending);
            let identity = identity(&path)?;
            Ok((path, identity))
        });
        let page = lengths::page_size(conn).map_err(io::Error::other)?;
        let pages = lengths::pages(conn).map_err(io::Error::other)?;
        let frames = lengths::frames(conn).map_err(io::Error::other)?;
        Ok(Self {
            files: files.collect::<io::Result<_>>()?,
            database: DatabaseLength::new(path.metadata()?.len(), page, pages),
            log: LogLength::open(&beside(path, "-wal"), page, frames)?,
        })
    }

    /// Looks whether the paths of the files that hold what is acknowledged still lead to them, and
    /// whether the files are whole. The look takes a few microseconds. `conn` is in no transaction.
    ///
    /// # Errors
    /// The first file for which they do not.
    pub(crate) fn check_events(&mut self, conn: &Connection) -> Result<(), Displaced> {
        check(&self.files[..WITH_EVENTS])?;
        self.check_lengths(conn)
    }

    /// Looks whether all paths still lead to the same files, and whether the files are whole.
    ///
    /// # Errors
    /// The first file for which they do not.
    pub(crate) fn check_all(&mut self, conn: &Connection) -> Result<(), Displaced> {
        check(&self.files)?;
        self.check_lengths(conn)
    }

    /// Notes how long the files must be after a commit.
    ///
    /// # Errors
    /// Those of SQLite.
    pub(crate) fn committed(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        self.database.committed(lengths::pages(conn)?);
        self.log.committed(lengths::frames(conn)?);
        Ok(())
    }

    /// Notes that a checkpoint has just moved the whole log into the database.
    ///
    /// # Errors
    /// Those of SQLite.
    pub(crate) fn moved(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let pages = lengths::pages(conn)?;
        self.database.moved(length(&self.files[0].0), pages);
        Ok(())
    }

    fn check_lengths(&mut self, conn: &Connection) -> Result<(), Displaced> {
        let [(database, _), (log, _), ..] = self.files.as_slice() else {
            return Ok(());
        };
        let cut = |path: &PathBuf| Displaced::Cut { path: path.clone() };
        if !self
            .database
            .allows(length(database), || lengths::pages(conn))
        {
            return Err(cut(database));
        }
        match self.log.is_whole(|| lengths::frames(conn)) {
            true => Ok(()),
            false => Err(cut(log)),
        }
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

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |found| found.len())
}

fn identity(path: &Path) -> io::Result<Identity> {
    let metadata = path.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The files of a ledger, with the connection that has them open.
    fn files() -> (tempfile::TempDir, PathBuf, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let conn = Connection::open(&path).unwrap();
        conn.pragma_update(None, "journal_mode", "WAL").unwrap();
        conn.execute_batch("CREATE TABLE a (x)").unwrap();
        fs::write(beside(&path, ".lock"), "").unwrap();
        (folder, path, conn)
    }

    #[test]
    fn files_that_are_written_stay_the_same() {
        let (_folder, path, conn) = files();
        let mut before = LedgerFiles::of(&path, &conn).unwrap();
        conn.execute_batch("INSERT INTO a VALUES (1); PRAGMA wal_checkpoint(TRUNCATE)")
            .unwrap();
        assert_eq!(before.check_all(&conn), Ok(()));
    }

    #[test]
    fn the_database_and_its_log_are_looked_at_before_each_answer() {
        for (index, ending) in ENDINGS.into_iter().enumerate() {
            let (_folder, path, conn) = files();
            let mut before = LedgerFiles::of(&path, &conn).unwrap();
            fs::remove_file(beside(&path, ending)).unwrap();
            assert_eq!(before.check_events(&conn).is_err(), index < 2, "{ending}");
        }
    }

    #[test]
    fn each_file_is_missed_and_known_from_another() {
        for ending in ENDINGS {
            let (_folder, path, conn) = files();
            let mut before = LedgerFiles::of(&path, &conn).unwrap();
            let (path, aside) = (beside(&path, ending), beside(&path, ".aside"));
            fs::rename(&path, &aside).unwrap();
            let missing = before.check_all(&conn).unwrap_err();
            assert!(matches!(missing, Displaced::Missing { .. }), "{missing}");
            fs::copy(&aside, &path).unwrap();
            let replaced = Displaced::Replaced { path: path.clone() };
            assert_eq!(
                before.check_all(&conn),
                Err(replaced),
                "the same bytes are no excuse"
            );
            fs::rename(&aside, &path).unwrap();
            assert_eq!(before.check_all(&conn), Ok(()));
        }
    }
}
