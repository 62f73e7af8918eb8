//! Errors of the work on a file as a whole.

use std::path::{Path, PathBuf};

use crate::sqlite::error::OpenError;

/// Why a ledger was not copied, checked or restored.
#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    /// The ledger cannot be opened, or a gateway runs on it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file for the copy is there already.
    #[error("{} is there already; name a file that is not", .0.display())]
    Exists(PathBuf),
    /// A file cannot be written or moved.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },
    /// SQLite refused.
    #[error("{}: {reason}", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// The error of SQLite.
        reason: String,
    },
    /// The copy is not sound. The text has everything that is wrong.
    #[error("{} is not sound: {}", path.display(), problems.join("; "))]
    Unsound {
        /// The database.
        path: PathBuf,
        /// As [`Verified::problems`](crate::Verified::problems).
        problems: Vec<String>,
    },
}

/// The error of the system about a file.
pub(super) fn file_error(path: &Path) -> impl Fn(std::io::Error) -> MaintainError + '_ {
    move |error| MaintainError::File {
        path: path.into(),
        error,
    }
}

/// The error of SQLite about a database.
pub(super) fn sqlite_error(path: &Path) -> impl Fn(rusqlite::Error) -> MaintainError + '_ {
    move |error| MaintainError::Sqlite {
        path: path.into(),
        reason: error.to_string(),
    }
}
