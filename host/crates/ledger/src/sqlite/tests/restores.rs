//! Databases that are not what the last run left, and the log that is not theirs.

use super::*;
use crate::sqlite::MaintainError;
use crate::sqlite::lineage::PROGRESS;

/// Records so many events, with the numbers from `first` on.
fn record(open: &Open, first: usize, many: usize) {
    for number in first..first + many {
        open.deliver(&format!("evt_{number}"), &["a"]);
    }
}

fn restored(ledger: &dyn Ledger) -> Option<crate::Restore> {
    ledger.restored().unwrap()
}

/// A copy of the database alone, with all that was committed.
fn backed_up(engine: &Sqlite) -> PathBuf {
    let target = engine
        .folder
        .path()
        .join(format!("{:08x}.db", fastrand::u32(..)));
    crate::sqlite::backup(&engine.path(), &target).unwrap();
    target
}

/// Puts a file in the database's place, as `cp` does, and leaves everything else as it is.
fn put(engine: &Sqlite, file: &Path) {
    std::fs::copy(file, engine.path()).unwrap();
}

fn remove(engine: &Sqlite, ending: &str) {
    std::fs::remove_file(open::beside(&engine.path(), ending)).unwrap();
}

#[test]
fn neither_a_clean_end_nor_a_kill_is_taken_for_a_restore() {
    let engine = Sqlite::new();
    let mut open = Open::new(&engine);
    for round in 0..4 {
        record(&open, 10 * round, 5);
        assert_eq!(restored(&*open.ledger), None);
        open = open.reopen(&engine);
        record(&open, 10 * round + 5, 5);
        let killed = engine.killed();
        assert_eq!(restored(&*Open::new(&killed).ledger), None);
        // Without the file, as an older version leaves its ledger, nothing is known.
        remove(&killed, PROGRESS);
        assert_eq!(restored(&*Open::new(&killed).ledger), None);
    }
}

#[test]
fn an_older_backup_is_noticed_once_and_told_until_it_is_released() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    record(&open, 0, 5);
    let backup = backed_up(&engine);
    record(&open, 5, 3);
    drop(open);
    put(&engine, &backup);

    let open = Open::new(&engine);
    let restore = restored(&*open.ledger).unwrap();
    assert_eq!(restore.missing_commits, Some(3));
    assert!(restore.newest_event_ms.is_some() && restore.wrote_until_ms.is_some());
    assert!(!restore.on_hold);
    record(&open, 5, 9);
    let open = open.reopen(&engine);
    assert_eq!(
        restored(&*open.ledger),
        Some(restore),
        "told again, the same"
    );
    assert_eq!(open.ledger.release_restore().unwrap(), Some(restore));
    assert_eq!(open.ledger.release_restore().unwrap(), None);
    let open = open.reopen(&engine);
    assert_eq!(restored(&*open.ledger), None);
}

#[test]
fn another_history_is_noticed_even_if_it_has_more_commits() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    record(&open, 0, 5);
    drop(open);
    let other = Sqlite::new();
    let of_other = Open::new(&other);
    record(&of_other, 0, 50);
    put(&engine, &backed_up(&other));
    let open = Open::new(&engine);
    let restore = restored(&*open.ledger).unwrap();
    assert_eq!(restore.missing_commits, None);
    drop(open);

    // The way back is a restore, too: the run between has gone on from another state.
    let before = engine.folder.path().join("before.db");
    std::fs::copy(engine.path(), &before).unwrap();
    let open = Open::new(&engine);
    record(&open, 100, 2);
    drop(open);
    put(&engine, &before);
    let open = Open::new(&engine);
    assert_eq!(restored(&*open.ledger).unwrap().missing_commits, Some(2));
}

#[test]
fn an_end_between_the_note_of_a_restore_and_the_mark_does_no_harm() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    record(&open, 0, 5);
    let backup = backed_up(&engine);
    record(&open, 5, 3);
    drop(open);
    let progress = open::beside(&engine.path(), PROGRESS);
    let of_last_run = std::fs::read(&progress).unwrap();
    put(&engine, &backup);
    let open = Open::new(&engine);
    let noticed = restored(&*open.ledger).unwrap();
    open.ledger.release_restore().unwrap();
    drop(open);
    std::fs::write(&progress, of_last_run).unwrap();
    let open = Open::new(&engine);
    assert_eq!(
        restored(&*open.ledger),
        None,
        "{noticed} is not noticed again"
    );
}

/// Leaves a log that goes with a newer database than `backup`: commits, a whole checkpoint, and
/// commits in the log.
fn with_log_of_later(engine: &Sqlite) -> (Sqlite, PathBuf) {
    let open = Open::new(engine);
    record(&open, 0, 5);
    let backup = backed_up(engine);
    record(&open, 5, 20);
    let open = open.reopen(engine);
    record(&open, 25, 2);
    let killed = engine.killed();
    (killed, backup)
}

fn refused(engine: &Sqlite) -> OpenError {
    match engine.try_open() {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

#[test]
fn a_log_of_a_later_database_is_never_mixed_with_a_backup() {
    let engine = Sqlite::new();
    let (killed, backup) = with_log_of_later(&engine);
    let own = std::fs::read(killed.path()).unwrap();
    let log = std::fs::read(open::beside(&killed.path(), "-wal")).unwrap();
    put(&killed, &backup);
    let error = refused(&killed);
    assert!(matches!(error, OpenError::ForeignLog { .. }), "{error}");
    assert!(error.to_string().contains("ledger restore"), "{error}");
    // The files are as they were, so both ways out are open.
    assert_eq!(
        std::fs::read(killed.path()).unwrap(),
        std::fs::read(&backup).unwrap()
    );
    assert_eq!(
        std::fs::read(open::beside(&killed.path(), "-wal")).unwrap(),
        log
    );

    remove(&killed, "-wal");
    let open = Open::new(&killed);
    assert_eq!(restored(&*open.ledger).unwrap().missing_commits, Some(22));
    drop(open);

    std::fs::write(killed.path(), own).unwrap();
    std::fs::write(open::beside(&killed.path(), "-wal"), log).unwrap();
    let error = refused(&killed);
    assert!(
        matches!(error, OpenError::ForeignLog { .. }),
        "of another history by now: {error}"
    );
}

#[test]
fn copies_by_sqlite_do_not_go_with_the_log_however_new_they_are() {
    // A copy by VACUUM has other pages. A copy by SQLite's backup could go with the log, but
    // nobody can tell it from the other one.
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    record(&open, 0, 5);
    let open = open.reopen(&engine);
    record(&open, 5, 2);
    let vacuumed = engine.folder.path().join("vacuumed.db");
    engine
        .look()
        .execute("VACUUM INTO ?1", [vacuumed.to_str().unwrap()])
        .unwrap();
    let copies = [vacuumed, backed_up(&engine)];
    record(&open, 7, 2);
    for copy in copies {
        let killed = engine.killed();
        put(&killed, &copy);
        let error = refused(&killed);
        assert!(matches!(error, OpenError::ForeignLog { .. }), "{error}");
    }
}

#[test]
fn a_plain_copy_that_goes_with_the_log_gives_what_the_last_run_left() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    record(&open, 0, 5);
    let open = open.reopen(&engine);
    record(&open, 5, 2);
    let copy = engine.folder.path().join("copy.db");
    std::fs::copy(engine.path(), &copy).unwrap();
    record(&open, 7, 2);
    let killed = engine.killed();
    put(&killed, &copy);
    let open = Open::new(&killed);
    assert_eq!(restored(&*open.ledger), None, "nothing is missing");
    assert_eq!(open.ledger.counts().unwrap().events, 9);
    let check: String = row(&killed.look(), "PRAGMA integrity_check");
    assert_eq!(check, "ok");
}

#[test]
fn a_database_that_is_gone_is_not_begun_anew() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    record(&open, 0, 2);
    let killed = engine.killed();
    drop(open);
    for (of, is_alone) in [(&engine, false), (&killed, true)] {
        remove(of, "");
        let error = refused(of);
        assert_eq!(
            matches!(error, OpenError::LogAlone { .. }),
            is_alone,
            "{error}"
        );
        assert_eq!(
            matches!(error, OpenError::Gone { .. }),
            !is_alone,
            "{error}"
        );
        assert!(!of.path().exists());
    }
    remove(&engine, PROGRESS);
    Open::new(&engine);
}

#[test]
fn marks_of_what_was_under_way_say_nothing_about_a_backup() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let of = open.deliver("evt_1", &["a"]);
    let backup = backed_up(&engine);
    record(&open, 2, 2);
    open.leased(&of[0], |lease| open.ledger.started(lease));
    let killed = engine.killed();
    remove(&killed, "-wal");
    put(&killed, &backup);
    let open = Open::new(&killed);
    assert!(restored(&*open.ledger).is_some());
    assert_eq!(open.pending("a")[0].attempts, 0);
}

#[test]
fn a_backup_is_put_in_the_ledgers_place_and_the_old_files_beside_it() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    record(&open, 0, 5);
    let backup = backed_up(&engine);
    record(&open, 5, 3);
    let locked = crate::sqlite::restore(&engine.path(), &backup, true, START).unwrap_err();
    assert!(matches!(locked, MaintainError::Open(_)), "{locked}");
    let killed = engine.killed();
    drop(open);

    let made = crate::sqlite::restore(&killed.path(), &backup, true, START).unwrap();
    assert_eq!(
        (made.verified.events, made.restore.missing_commits),
        (5, Some(3))
    );
    let aside = made.aside.unwrap().join("tollgate.db");
    for ending in ["", "-wal", PROGRESS] {
        assert!(open::beside(&aside, ending).exists(), "{ending}");
    }
    let open = Open::new(&killed);
    let told = restored(&*open.ledger).unwrap();
    assert_eq!(told, made.restore);
    assert!(told.on_hold);
    assert_eq!(open.ledger.counts().unwrap().events, 5);
    open.ledger.release_restore().unwrap();
    drop(open);

    // The old files are whole, and putting them back is a restore as well.
    let back = crate::sqlite::restore(&killed.path(), &aside, false, START).unwrap();
    assert_eq!(back.verified.events, 8);
    let open = Open::new(&killed);
    assert_eq!(restored(&*open.ledger), Some(back.restore));
    assert_eq!(open.ledger.counts().unwrap().events, 8);
}

#[test]
fn backups_of_damaged_ledgers_are_not_made_and_not_restored() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    record(&open, 0, 50);
    drop(open);
    let sound = crate::sqlite::verify(&engine.path()).unwrap();
    assert_eq!((sound.events, sound.problems.len()), (50, 0));
    let broken = Connection::open(engine.path()).unwrap();
    broken
        .execute("DELETE FROM events WHERE seq = 7", [])
        .unwrap();
    drop(broken);
    let found = crate::sqlite::verify(&engine.path()).unwrap();
    let said = found.problems.join("; ");
    assert!(
        said.contains("deliveries of events that are not there: 1"),
        "{said}"
    );
    let target = engine.folder.path().join("backup.db");
    let refused = crate::sqlite::backup(&engine.path(), &target).unwrap_err();
    assert!(
        matches!(refused, MaintainError::Unsound { .. }),
        "{refused}"
    );
    assert!(!target.exists());
    let empty = Sqlite::new();
    let refused = crate::sqlite::restore(&empty.path(), &engine.path(), false, START).unwrap_err();
    assert!(
        matches!(refused, MaintainError::Unsound { .. }),
        "{refused}"
    );
    assert!(!empty.path().exists());
}
