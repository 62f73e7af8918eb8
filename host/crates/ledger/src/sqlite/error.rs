//! Errors, and the meaning of each of SQLite's errors for the ledger.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Error, ErrorCode, ffi};

use crate::LedgerError;
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another ledger of this process, has the file open.
    #[error(
        "{} is in use by another gateway (it holds the lock on {}); \
         stop that one, or name another file in [ledger] url",
        path.display(),
        lock.display()
    )]
    Locked {
        /// The ledger's file.
        path: PathBuf,
        /// The file that is locked.
        lock: PathBuf,
    },
    /// There is no such file. Only for a ledger that is to be read.
    #[error("there is no ledger at {}", path.display())]
    Missing {
        /// The ledger's file.
        path: PathBuf,
    },
    /// The folder, or a file in it, cannot be made or opened.
    #[error("cannot open {}: {error}", path.display())]
    File {
        /// The folder or file.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The file lies on a network file system, where nobody can rely on SQLite's locks and
    /// shared memory.
    #[error(
        "{} lies on a network file system ({kind}), where a ledger may be corrupted; \
         put it on a local disk",
        path.display()
    )]
    NetworkFileSystem {
        /// The ledger's folder.
        path: PathBuf,
        /// The file system's name.
        kind: &'static str,
    },
    /// The SQLite that this program is linked with has a bug that can lose commits.
    #[error("SQLite {found} is too old: at least 3.51.3 is needed")]
    OldSqlite {
        /// The version of this SQLite.
        found: &'static str,
    },
    /// A newer gateway wrote the file.
    #[error(
        "{} has schema version {found}, and this gateway knows up to {known}; \
         use the gateway that wrote it, or a newer one",
        path.display()
    )]
    Newer {
        /// The ledger's file.
        path: PathBuf,
        /// The schema version of the file.
        found: i64,
        /// The newest version that this gateway knows.
        known: usize,
    },
    /// An older gateway wrote the file. Only for a ledger that is to be read: opening a ledger
    /// to serve brings the file up to date.
    #[error(
        "{} has an older schema; start the gateway of this version on it first",
        path.display()
    )]
    Older {
        /// The ledger's file.
        path: PathBuf,
    },
    /// The file is an SQLite file, but no ledger.
    #[error("{} is an SQLite file, but no ledger of Tollgate", path.display())]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// The write-ahead log beside the database is of another database, or of another moment.
    #[error(
        "{log} is not the log of {path}: the database was replaced, such as by a backup, and \
         SQLite would mix both into a corrupt one; to use the database as it is, move {log} \
         away, and next time restore with `tollgate ledger restore`; otherwise put the database \
         back that was there",
        path = path.display(),
        log = log.display()
    )]
    ForeignLog {
        /// The ledger's file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// There is a write-ahead log without its database.
    #[error(
        "{log} is there without its database {path}, and SQLite would delete it; put the \
         database back, or move the log away to begin with an empty ledger",
        path = path.display(),
        log = log.display()
    )]
    LogAlone {
        /// The ledger's file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// The database is gone.
    #[error(
        "{} is gone: a gateway wrote to it until {}; put it back, restore a backup with \
         `tollgate ledger restore`, or remove {} to begin with an empty ledger",
        path.display(),
        rfc3339::format(*until),
        progress.display()
    )]
    Gone {
        /// The ledger's file.
        path: PathBuf,
        /// When the last run wrote for the last time.
        until: WallTime,
        /// The file that says so.
        progress: PathBuf,
    },
    /// SQLite refused.
    #[error("the ledger {} cannot be opened: {reason}", path.display())]
    Sqlite {
        /// The ledger's file.
        path: PathBuf,
        /// The error of SQLite.
        reason: String,
    },
}

/// Adds the file's path to an error of SQLite.
pub(crate) trait At<T> {
    /// The value, or the reason why the file at `path` cannot be opened.
    fn at(self, path: &Path) -> Result<T, OpenError>;
}

impl<T> At<T> for rusqlite::Result<T> {
    fn at(self, path: &Path) -> Result<T, OpenError> {
        self.map_err(|error| OpenError::Sqlite {
            path: path.into(),
            reason: reason(&error),
        })
    }
}

fn reason(error: &Error) -> String {
    match error {
        Error::SqliteFailure(cause, _) if cause.code == ErrorCode::SystemIoFailure => format!(
            "{error} (SQLite's code {}); the system's log may say what is wrong with its disk",
            cause.extended_code,
        ),
        _ => error.to_string(),
    }
}

/// The meaning of an error of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// One operation is at fault. The others of its batch may succeed.
    Operation,
    /// Nothing can be written now. Later writes may succeed.
    Unavailable,
    /// Nobody knows what is on disk. The process must end, and the next one recovers.
    Fatal,
}

/// Judges an error of a write.
pub(crate) fn fault(error: &Error) -> Fault {
    let Error::SqliteFailure(cause, _) = error else {
        return Fault::Operation;
    };
    match cause.code {
        // The index of the write-ahead log could not grow, as on a full disk. Nothing has been
        // written to the index, and SQLite rebuilds it from the log.
        ErrorCode::SystemIoFailure if cause.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
            Fault::Unavailable
        }
        ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            Fault::Fatal
        }
        ErrorCode::DiskFull
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::CannotOpen
        | ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::OperationInterrupted
        | ErrorCode::OutOfMemory => Fault::Unavailable,
        _ => Fault::Operation,
    }
}

/// The error of a write, as callers see it.
pub(crate) fn unavailable(error: &Error) -> LedgerError {
    LedgerError::Unavailable(Arc::from(error.to_string()))
}

/// The error of a read, as callers see it.
pub(crate) fn unreadable(error: impl std::fmt::Display) -> LedgerError {
    LedgerError::Unreadable(Arc::from(error.to_string()))
}
