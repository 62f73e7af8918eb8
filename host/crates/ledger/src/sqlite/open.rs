//! Opening the file: its folder, its lock, its settings.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::{At, OpenError};
use super::schema;
use tollgate_base::files::{check_regular, open_regular_to_write};

/// The first SQLite without the bug by which a checkpoint could lose commits when two
/// connections reset the write-ahead log at once.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a statement waits for a lock that another process holds, such as
/// `sqlite3` or Litestream at a checkpoint.
const BUSY: Duration = Duration::from_secs(5);

/// The page cache of a connection, in KiB. A larger cache measured no faster, since most pages
/// that are used lie at the ends of tables.
const CACHE_KIB: i64 = 8 * 1024;

/// The number of prepared statements that a connection keeps: more than there are.
const STATEMENTS: usize = 128;

/// The size of a page. Three events with bodies of 2 KB fit into 8192 bytes, and one into 4096.
const PAGE_SIZE: i64 = 8192;

/// Bytes of the log's file that are kept when the log is used anew: more than a log that nobody
/// holds up has.
const LOG_LIMIT: i64 = 64 << 20;

/// A ledger's file that is locked, in a folder that exists.
pub(crate) struct LockedFile {
    pub(crate) path: PathBuf,
    /// The file that is locked. Dropping it releases the lock.
    pub(crate) lock: File,
}

/// Makes the folder if it is missing and takes the lock.
pub(crate) fn lock(path: &Path) -> Result<LockedFile, OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenError::OldSqlite {
            found: rusqlite::version(),
        });
    }
    let path = absolute(path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_folder(folder).map_err(|source| file_error(folder, source))?;
    refuse_network(folder)?;
    let lock_path = beside(&path, ".lock");
    check_kinds(&path)?;
    let lock =
        open_regular_to_write(&lock_path).map_err(|source| file_error(&lock_path, source))?;
    match lock.try_lock() {
        Ok(()) => Ok(LockedFile { path, lock }),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
            path,
            lock: lock_path,
        }),
        Err(TryLockError::Error(source)) => Err(file_error(&lock_path, source)),
    }
}

/// The endings of the names of the files that SQLite opens.
const FILES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Looks whether the files that SQLite opens are regular files, as far as they are there: SQLite
/// would wait for a pipe for ever.
pub(crate) fn check_kinds(path: &Path) -> Result<(), OpenError> {
    FILES.iter().try_for_each(|ending| {
        let path = beside(path, ending);
        check_regular(&path).map_err(|error| file_error(&path, error))
    })
}

/// Locks the file itself too, so that a lock file that somebody removed does not let a second
/// gateway in. The result must stay open for as long as any connection of this process: to close a
/// file gives up all of SQLite's locks on it.
pub(crate) fn lock_database(path: &Path) -> Result<File, OpenError> {
    let database = File::open(path).map_err(|error| file_error(path, error))?;
    match database.try_lock() {
        Ok(()) => Ok(database),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
            path: path.into(),
            lock: path.into(),
        }),
        Err(TryLockError::Error(error)) => Err(file_error(path, error)),
    }
}

/// Opens the writer's connection. Everything that the file shows is on disk by then.
pub(crate) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let mut conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .at(path)?;
    configure(&conn).at(path)?;
    schema::check(&conn, path)?;
    configure_writer(&conn).at(path)?;
    sync_log(&conn, path)?;
    schema::migrate(&mut conn, path)?;
    Ok(conn)
}

/// Configures the writer's connection beyond [`configure`].
fn configure_writer(conn: &Connection) -> rusqlite::Result<()> {
    // The first two take effect on a new file alone, before its first table.
    conn.pragma_update(None, "page_size", PAGE_SIZE)?;
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    // Deleted rows are overwritten, since they may hold personal data.
    conn.pragma_update(None, "secure_delete", "ON")?;
    // The writer checkpoints itself, after it has answered.
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    // A log that a reader let grow is cut when it is used anew.
    conn.pragma_update(None, "journal_size_limit", LOG_LIMIT)
}

/// Configures any connection: wait for locks, statements, page cache.
pub(crate) fn configure(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.pragma_update(None, "cache_size", -CACHE_KIB)
}

/// Syncs whatever a killed process may have left readable but not synced. Otherwise a commit of
/// duplicates alone would acknowledge it without any sync.
fn sync_log(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let log = beside(path, "-wal");
    match File::open(&log).and_then(|log| log.sync_all()) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(file_error(&log, source)),
    }
    checkpoint(conn).at(path).map(drop)
}

/// Moves the whole write-ahead log into the file and empties the log, as far as readers in
/// other processes allow. Returns whether they allowed it.
pub(crate) fn checkpoint(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0).map(|busy| busy == 0)
    })
}

/// As [`checkpoint`], without waiting for readers.
pub(crate) fn try_checkpoint(conn: &Connection) -> rusqlite::Result<bool> {
    conn.busy_timeout(Duration::ZERO)?;
    let emptied = checkpoint(conn);
    conn.busy_timeout(BUSY)?;
    match emptied {
        Err(rusqlite::Error::SqliteFailure(cause, _))
            if cause.code == rusqlite::ErrorCode::DatabaseBusy =>
        {
            Ok(false)
        }
        other => other,
    }
}

/// Opens a connection beside the writer's, for checkpoints.
pub(crate) fn checkpointing(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    configure(&conn)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    Ok(conn)
}

/// The absolute path. So a later change of the working folder changes nothing, and SQLite
/// takes no name for a URI.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, OpenError> {
    std::path::absolute(path).map_err(|source| file_error(path, source))
}

/// The file beside the ledger whose name is the ledger's name and this ending.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The error for a file or folder that cannot be made or opened.
pub(crate) fn file_error(path: &Path, error: std::io::Error) -> OpenError {
    OpenError::File {
        path: path.into(),
        error,
    }
}

/// Makes the folder and syncs its parent, without which a new folder is not on disk.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("/"));
    make_folder(parent)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

#[cfg(target_os = "linux")]
fn refuse_network(folder: &Path) -> Result<(), OpenError> {
    let found = rustix::fs::statfs(folder)
        .map_err(|errno| file_error(folder, errno.into()))?
        .f_type;
    match network_name(found as u32) {
        Some(kind) => Err(OpenError::NetworkFileSystem {
            path: folder.into(),
            kind,
        }),
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_: &Path) -> Result<(), OpenError> {
    Ok(())
}

/// The name of the network file system with this magic number, as statfs(2) and
/// linux/magic.h have them.
#[cfg(target_os = "linux")]
fn network_name(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x0000_6969 => "NFS",
        0x0000_517b => "SMB",
        0xff53_4d42 => "CIFS",
        0xfe53_4d42 => "SMB2",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0bd0_0bd0 => "Lustre",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn network_file_systems_are_known_by_their_numbers() {
        assert_eq!(network_name(0x6969), Some("NFS"));
        assert_eq!(network_name(0xff53_4d42), Some("CIFS"));
        assert_eq!(network_name(0xef53), None, "ext4 is a local one");
        assert_eq!(network_name(0x0102_1994), None, "so is tmpfs");
    }

    #[test]
    fn folders_are_made_down_to_the_last() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b/c");
        make_folder(&deep).unwrap();
        assert!(deep.is_dir());
        make_folder(&deep).unwrap();
    }
}
