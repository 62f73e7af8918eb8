//! The history that a database belongs to, and how a start notices that the database was restored.
//!
//! The table `lineage` has the history's token, and the counter `commits` counts its group commits.
//! The [progress](super::progress) beside the database has both as of the last run. A database with
//! another token, or with fewer commits than the progress, is not what the last run left.
//!
//! A write-ahead log beside a database of another moment is worse: SQLite cannot tell, and mixes
//! both into a corrupt database. So before SQLite opens the database, the database's file is read
//! without its log and compared with what the progress says of it.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Result, Row, TransactionBehavior, params,
};

use super::counters::Counters;
use super::error::OpenError;
use super::open::beside;
use super::progress::{Moved, Progress, Token};
use super::rows::maybe_wall;
use super::values::int;
use crate::Restore;
use tollgate_base::event::EventId;
use tollgate_base::time::WallTime;

/// Bytes of the head of a write-ahead log. A log that is no longer holds no frames.
const LOG_HEAD: u64 = 32;

/// The ending of the name of the file that keeps the progress.
pub(crate) const PROGRESS: &str = ".progress";

/// Looks at the files before SQLite opens them. `progress` is the progress of the last run.
///
/// # Errors
/// The log does not go with the database, or the database is gone.
pub(crate) fn check_files(
    path: &Path,
    progress: Option<&Progress>,
) -> std::result::Result<(), OpenError> {
    let length = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    let log = beside(path, "-wal");
    let has_frames = length(&log) > LOG_HEAD;
    if length(path) == 0 {
        // SQLite would delete the log.
        return match (has_frames, progress) {
            (true, _) => Err(OpenError::LogAlone {
                path: path.into(),
                log,
            }),
            (false, Some(progress)) => Err(OpenError::Gone {
                path: path.into(),
                until: progress.at,
                progress: beside(path, PROGRESS),
            }),
            (false, None) => Ok(()),
        };
    }
    match progress {
        Some(progress) if has_frames && !goes_with(path, progress) => Err(OpenError::ForeignLog {
            path: path.into(),
            log,
        }),
        _ => Ok(()),
    }
}

/// Whether the database's file, without its log, can be the one that the last run's log goes with.
/// True if that cannot be told.
fn goes_with(path: &Path, progress: &Progress) -> bool {
    let Moved {
        commits,
        cookie,
        version,
    } = progress.moved;
    if commits == 0 {
        return true;
    }
    // A checkpoint that was cut off leaves pages of several moments, which may not fit together.
    let Ok(Some(main)) = read_alone(path) else {
        return true;
    };
    let same_history = main.token == progress.token || main.before == Some(progress.token);
    let copied_by_sqlite = main.moved.version == version && main.moved.cookie != cookie;
    let older = main.commits.is_some_and(|of_main| of_main < commits);
    same_history && !copied_by_sqlite && !older
}

/// What the database's file says by itself.
struct Alone {
    token: Token,
    before: Option<Token>,
    commits: Option<u64>,
    moved: Moved,
}

/// Reads the database's file as if it had no log; `None` if the file has no history.
fn read_alone(path: &Path) -> Result<Option<Alone>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // An immutable file has no log, by definition.
    let conn = Connection::open_with_flags(immutable_uri(path), flags)?;
    let Some((token, before)) = tokens(&conn)? else {
        return Ok(None);
    };
    let commits = Counters::load(&conn)?.commits();
    let moved = moved(&conn, commits.unwrap_or_default())?;
    Ok(Some(Alone {
        token,
        before,
        commits,
        moved,
    }))
}

/// The URI by which SQLite reads a file without its log and without locks.
fn immutable_uri(path: &Path) -> PathBuf {
    let mut uri = b"file:".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(*byte),
            byte if byte.is_ascii_alphanumeric() => uri.push(*byte),
            byte => uri.extend(format!("%{byte:02X}").bytes()),
        }
    }
    uri.extend(b"?immutable=1");
    OsString::from_vec(uri).into()
}

/// What a progress says of the database's file, once the whole log has been moved into its file.
pub(crate) fn moved(conn: &Connection, commits: u64) -> Result<Moved> {
    let number = |pragma: &str| {
        conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .map(|number| number as u32)
    };
    Ok(Moved {
        commits,
        cookie: number("schema_version")?,
        version: number("user_version")?,
    })
}

/// The history of a database that is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lineage {
    pub(crate) token: Token,
    pub(crate) commits: u64,
    /// Whether this start noticed a restore.
    pub(crate) restored: bool,
}

/// Compares the database with the progress of the last run. If the database was restored, begins
/// another history and notes the restore.
pub(crate) fn begin(
    conn: &mut Connection,
    progress: Option<&Progress>,
    now: WallTime,
) -> Result<Lineage> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let commits = Counters::load(&tx)?.commits().unwrap_or_default();
    let found = tokens(&tx)?;
    let missing = match (progress, found) {
        (None, _) => None,
        (Some(progress), Some((token, _))) if token == progress.token => {
            let missing = progress.commits.saturating_sub(commits);
            (missing > 0).then_some(Some(missing))
        }
        // The last start noted the restore and ended before the progress was written.
        (Some(progress), Some((_, before))) if before == Some(progress.token) => None,
        (Some(_), _) => Some(None),
    };
    let token = match (missing, found) {
        (None, Some((token, _))) => token,
        (None, None) => {
            let token = new_token(now);
            tx.execute("INSERT INTO lineage (id, token) VALUES (1, ?1)", [token])?;
            token
        }
        (Some(missing), _) => {
            let until = progress.map(|progress| progress.at);
            let held = restored(&tx)?.is_some_and(|before| before.on_hold);
            let note = Note {
                missing,
                until,
                before: progress.map(|progress| progress.token),
                hold: held,
            };
            write_restore(&tx, &note, now)?
        }
    };
    tx.commit()?;
    Ok(Lineage {
        token,
        commits,
        restored: missing.is_some(),
    })
}

/// What is noted of a restore.
pub(crate) struct Note {
    /// As [`Restore::missing_commits`].
    pub(crate) missing: Option<u64>,
    /// As [`Restore::wrote_until_ms`].
    pub(crate) until: Option<WallTime>,
    /// The token of the last run's history, if it is known.
    pub(crate) before: Option<Token>,
    /// Whether deliveries and requests are to wait.
    pub(crate) hold: bool,
}

/// Notes a restore in the database, and begins another history. Returns its token.
pub(crate) fn write_restore(conn: &Connection, note: &Note, now: WallTime) -> Result<Token> {
    let token = new_token(now);
    let newest: Option<WallTime> = conn
        .query_row(
            "SELECT received FROM events ORDER BY seq DESC LIMIT 1",
            [],
            |row| maybe_wall(row, 0),
        )
        .optional()?
        .flatten();
    conn.execute(
        "INSERT OR REPLACE INTO lineage
         (id, token, before, restored, newest, missing, until, on_hold)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            token,
            note.before,
            int(now),
            newest.map(int),
            note.missing.map(int),
            note.until.map(int),
            note.hold
        ],
    )?;
    Ok(token)
}

/// A token that no other history has.
fn new_token(now: WallTime) -> Token {
    *EventId::generate(now).as_bytes()
}

/// The token of the database's history, and the token before its last restore; `None` if the
/// database has none yet.
fn tokens(conn: &Connection) -> Result<Option<(Token, Option<Token>)>> {
    conn.query_row("SELECT token, before FROM lineage", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
    .optional()
}

/// The token of the database's history; `None` if the database has none yet.
pub(crate) fn token(conn: &Connection) -> Result<Option<Token>> {
    Ok(tokens(conn)?.map(|(token, _)| token))
}

/// The last restore, if no operator has released it.
pub(crate) fn restored(conn: &Connection) -> Result<Option<Restore>> {
    conn.query_row(
        "SELECT restored, newest, until, missing, on_hold FROM lineage WHERE restored IS NOT NULL",
        [],
        restore,
    )
    .optional()
}

fn restore(row: &Row<'_>) -> Result<Restore> {
    Ok(Restore {
        at_ms: super::rows::wall(row, 0)?,
        newest_event_ms: maybe_wall(row, 1)?,
        wrote_until_ms: maybe_wall(row, 2)?,
        missing_commits: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
        on_hold: row.get(4)?,
    })
}
