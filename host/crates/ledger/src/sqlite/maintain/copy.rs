//! One file with everything that a database has at one moment.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::error::{MaintainError, file_error, sqlite_error};
use crate::sqlite::open;

/// The pause before a step that another connection hindered is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// A copy that is being made. Dropping it removes the file, unless it was moved into its place.
pub(super) struct Copy {
    pub(super) path: PathBuf,
    done: bool,
}

impl Copy {
    /// Copies the database at `from`, log and all, into a new file in the folder of `target`. The
    /// file is the user's alone: it has payloads.
    pub(super) fn make(from: &Path, target: &Path) -> Result<Self, MaintainError> {
        let folder = folder_of(target);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let random = fastrand::u32(..);
        let path = folder.join(format!(".{name}.{}-{random:08x}.tmp", std::process::id()));
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(file_error(&path))?;
        let copy = Self { path, done: false };
        copy_database(from, &copy.path)?;
        Ok(copy)
    }

    /// The copy, open to write.
    pub(super) fn open(&self) -> Result<Connection, MaintainError> {
        let opened = Connection::open(&self.path).and_then(|conn| {
            open::configure(&conn)?;
            Ok(conn)
        });
        opened.map_err(sqlite_error(&self.path))
    }

    /// Syncs the copy and moves it to `target`, whole or not at all.
    pub(super) fn move_to(mut self, target: &Path) -> Result<(), MaintainError> {
        let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        sync(&self.path).map_err(file_error(&self.path))?;
        std::fs::rename(&self.path, target).map_err(file_error(target))?;
        self.done = true;
        let folder = folder_of(target);
        sync(folder).map_err(file_error(folder))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.done {
            for ending in ["", "-wal", "-shm", "-journal"] {
                // Most of them are not there.
                let _ = std::fs::remove_file(open::beside(&self.path, ending));
            }
        }
    }
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Copies all pages in one step: with several, each commit of a gateway would begin the copy anew.
/// Meanwhile the gateway commits as ever, and its log grows.
fn copy_database(from: &Path, to: &Path) -> Result<(), MaintainError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags).map_err(sqlite_error(from))?;
    open::configure(&source).map_err(sqlite_error(from))?;
    let mut target = Connection::open(to).map_err(sqlite_error(to))?;
    let copied = Backup::new(&source, &mut target).and_then(|backup| {
        while !matches!(backup.step(-1)?, StepResult::Done) {
            std::thread::sleep(PAUSE);
        }
        Ok(())
    });
    copied.map_err(sqlite_error(from))?;
    // One file, without a log beside it.
    let mode = target.pragma_update(None, "journal_mode", "DELETE");
    mode.map_err(sqlite_error(to))
}
