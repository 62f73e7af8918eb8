//! Putting a backup in the ledger's place.
//!
//! Each step leaves files on which a start either goes on rightly or says what is wrong: the copy
//! is whole and synced before the old files move; without the database the start refuses, since the
//! progress says that there was one; and the copy knows the token of the progress that it replaces.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::copy::{Copy, folder_of};
use super::error::{MaintainError, file_error, sqlite_error};
use super::verify::verify;
use crate::sqlite::counters::Counters;
use crate::sqlite::lineage::{self, Note, PROGRESS};
use crate::sqlite::progress::{self, Moved, Progress};
use crate::sqlite::{open, schema};
use crate::{Restore, Restored, Verified};
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

/// The endings of the names of files that belong to the old database alone.
const OLD: [&str; 4] = ["-wal", "-shm", ".running", ""];

/// Puts a copy of the ledger at `from` in the place of the ledger at `path`, and moves the files
/// that were there aside. With `hold`, no delivery and no request starts until an operator releases
/// them. Refuses while a gateway runs.
pub(crate) fn restore(
    path: &Path,
    from: &Path,
    hold: bool,
    now: WallTime,
) -> Result<Restored, MaintainError> {
    let open::LockedFile { path, lock } = open::lock(path)?;
    // A gateway may hold the lock of the database alone.
    let database = match path.exists() {
        true => Some(open::lock_database(&path)?),
        false => None,
    };
    let verified = sound(from)?;
    let progress_path = open::beside(&path, PROGRESS);
    let last = progress::read(&progress_path).map_err(file_error(&progress_path))?;
    let copy = Copy::make(from, &path)?;
    let (restore, new) = begin_history(&copy, last.as_ref(), hold, now)?;
    let aside = move_aside(&path, now)?;
    copy.move_to(&path)?;
    progress::replace(&progress_path, &new).map_err(file_error(&progress_path))?;
    drop((database, lock));
    Ok(Restored {
        verified,
        restore,
        aside,
    })
}

/// Checks a backup.
fn sound(from: &Path) -> Result<Verified, MaintainError> {
    let verified = verify(from)?;
    match verified.problems.is_empty() {
        true => Ok(verified),
        false => Err(MaintainError::Unsound {
            path: from.into(),
            problems: verified.problems,
        }),
    }
}

/// Brings the copy up to date and notes the restore in it. Returns the note, and the progress that
/// goes with the copy.
fn begin_history(
    copy: &Copy,
    last: Option<&Progress>,
    hold: bool,
    now: WallTime,
) -> Result<(Restore, Progress), MaintainError> {
    let failed = sqlite_error(&copy.path);
    let mut conn = copy.open()?;
    schema::migrate(&mut conn, &copy.path)?;
    let commits = Counters::load(&conn)
        .map_err(&failed)?
        .commits()
        .unwrap_or_default();
    let token = lineage::token(&conn).map_err(&failed)?;
    let same = last.filter(|last| Some(last.token) == token);
    let note = Note {
        missing: same.map(|last| last.commits.saturating_sub(commits)),
        until: last.map(|last| last.at),
        before: last.map(|last| last.token),
        hold,
    };
    let token = lineage::write_restore(&conn, &note, now).map_err(&failed)?;
    let restore = lineage::restored(&conn).map_err(&failed)?;
    let restore = restore.expect("the restore was just noted");
    let moved: Moved = lineage::moved(&conn, commits).map_err(&failed)?;
    Ok((
        restore,
        Progress {
            token,
            commits,
            at: now,
            moved,
        },
    ))
}

/// Moves the old files into a folder beside them; `None` if there are none. The old progress is
/// copied: while there is no database, the progress keeps a start from beginning an empty one.
fn move_aside(path: &Path, now: WallTime) -> Result<Option<PathBuf>, MaintainError> {
    let there = |ending: &&&str| open::beside(path, ending).exists();
    let old: Vec<_> = OLD.iter().filter(there).collect();
    if old.is_empty() {
        return Ok(None);
    }
    let folder = folder_of(path);
    let aside = make_aside(folder, now)?;
    let name = path.file_name().unwrap_or_default();
    let to = aside.join(name);
    let progress = open::beside(path, PROGRESS);
    if progress.exists() {
        fs::copy(&progress, open::beside(&to, PROGRESS)).map_err(file_error(&progress))?;
    }
    for ending in old {
        let from = open::beside(path, ending);
        fs::rename(&from, open::beside(&to, ending)).map_err(file_error(&from))?;
    }
    for folder in [aside.as_path(), folder] {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(file_error(folder))?;
    }
    Ok(Some(aside))
}

/// Makes a new folder with the time in its name.
fn make_aside(folder: &Path, now: WallTime) -> Result<PathBuf, MaintainError> {
    let name = format!("replaced-{}", rfc3339::format(now).replace(':', ""));
    let mut aside = folder.join(&name);
    let mut number = 1;
    loop {
        match fs::create_dir(&aside) {
            Ok(()) => return Ok(aside),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                number += 1;
                aside = folder.join(format!("{name}-{number}"));
            }
            Err(error) => return Err(file_error(&aside)(error)),
        }
    }
}
