//! The files: their lock, their settings, files of others, the write-ahead log.

use super::*;

#[test]
fn a_second_gateway_is_refused_and_told_which_file() {
    let engine = Sqlite::new();
    let first = engine.try_open().unwrap();
    let Err(refused) = engine.try_open() else {
        panic!("opened twice");
    };
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    assert!(refused.to_string().contains("tollgate.db"), "{refused}");
    first.close();
    engine.try_open().unwrap();
}

#[test]
fn others_can_read_meanwhile() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let of = open.deliver("evt_1", &["a"]);
    let other = engine.look();
    assert_eq!(row::<i64>(&other, "SELECT count(*) FROM events"), 1);
    let reader = SqliteReader::open(engine.path()).unwrap();
    assert_eq!(reader.counts().unwrap(), open.ledger.counts().unwrap());

    // A read transaction that stays open hinders nobody.
    other
        .execute_batch("BEGIN; SELECT count(*) FROM events")
        .unwrap();
    assert_eq!(row::<i64>(&other, "SELECT count(*) FROM events"), 1);
    assert_eq!(
        open.complete(ending(&of[0], NextState::Done)).unwrap(),
        Completed::Committed
    );
    assert_eq!(
        row::<String>(&other, "SELECT state FROM v_deliveries"),
        "pending"
    );
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(
        row::<String>(&other, "SELECT state FROM v_deliveries"),
        "done"
    );
    assert_eq!(
        row::<String>(&other, "SELECT detail FROM v_attempts"),
        "because"
    );
    assert_eq!(
        row::<String>(&other, "SELECT source FROM v_events"),
        "stripe"
    );

    drop(open);
    assert_eq!(
        reader.counts().unwrap().events,
        1,
        "nor does it need a gateway"
    );
}

#[test]
fn the_file_is_set_up_for_durability() {
    let engine = Sqlite::new();
    let ledger = engine.try_open().unwrap();
    ledger
        .wait(OnConnection(|conn| {
            assert_eq!(row::<String>(conn, "PRAGMA journal_mode"), "wal");
            assert_eq!(row::<i64>(conn, "PRAGMA synchronous"), 2, "FULL");
            assert_eq!(row::<i64>(conn, "PRAGMA auto_vacuum"), 2, "INCREMENTAL");
            Ok(())
        }))
        .unwrap();
}

#[test]
fn foreign_and_newer_files_are_refused_and_left_alone() {
    let engine = Sqlite::new();
    engine.try_open().unwrap().close();
    engine
        .look()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let refused = engine.try_open().err().unwrap();
    assert!(
        matches!(refused, OpenError::Newer { found: 99, .. }),
        "{refused}"
    );
    let refused = SqliteReader::open(engine.path()).err().unwrap();
    assert!(matches!(refused, OpenError::Newer { .. }), "{refused}");

    let engine = Sqlite::new();
    std::fs::create_dir(engine.path().parent().unwrap()).unwrap();
    engine
        .look()
        .execute_batch("CREATE TABLE mine (x)")
        .unwrap();
    let before = std::fs::read(engine.path()).unwrap();
    let refused = engine.try_open().err().unwrap();
    assert!(matches!(refused, OpenError::NotALedger { .. }), "{refused}");
    assert_eq!(std::fs::read(engine.path()).unwrap(), before);

    let missing = SqliteReader::open(engine.folder.path().join("none.db"));
    assert!(matches!(missing.err().unwrap(), OpenError::Missing { .. }));
    assert!(!engine.folder.path().join("none.db").exists());
}

#[test]
fn the_log_is_moved_into_the_file_while_writes_go_on() {
    let engine = Sqlite::new();
    let ledger = engine.try_open().unwrap();
    let body = vec![b'x'; 900_000];
    for n in 0..120 {
        block_on(ledger.record(vec![event(&format!("evt_{n}"), &body, &["a"])])).unwrap();
    }
    let size = |ending| {
        std::fs::metadata(open::beside(&engine.path(), ending))
            .unwrap()
            .len()
    };
    let (file, log) = (size(""), size("-wal"));
    assert!(file > 32_000_000, "{file} bytes have been moved");
    assert!(log < 100_000_000, "the log of {log} bytes is used anew");
    ledger.close();
    assert_eq!(
        row::<String>(&engine.look(), "PRAGMA integrity_check"),
        "ok"
    );
}

#[test]
fn the_paths_of_its_files_are_absolute() {
    assert!(
        open::absolute(Path::new("file:data.db?mode=ro"))
            .unwrap()
            .is_absolute()
    );
}

#[test]
fn nothing_is_acknowledged_into_files_that_are_not_where_they_were() {
    for ending in ["", "-wal", "-shm", ".lock"] {
        let said = Arc::new(Mutex::new(String::new()));
        let mut engine = Sqlite::new();
        let heard = said.clone();
        engine.fatal = Arc::new(move |reason| reason.clone_into(&mut heard.lock()));
        let open = Open::new(&engine);
        open.deliver("evt_1", &["a"]);
        let path = open::beside(&engine.path(), ending);
        std::fs::rename(&path, open::beside(&engine.path(), ".aside")).unwrap();
        let answer = block_on(open.ledger.record(vec![event("evt_2", b"{}", &["a"])]));
        // The other two hold nothing that is acknowledged.
        let holds_events = matches!(ending, "" | "-wal");
        assert!(
            !holds_events
                || matches!(
                    answer,
                    Err(LedgerError::Unavailable(_) | LedgerError::Closed)
                ),
            "{ending}: {answer:?}"
        );
        until(|| !said.lock().is_empty());
        let said = said.lock().clone();
        assert!(said.contains(&*path.to_string_lossy()), "{said}");
    }
}

#[test]
fn nothing_is_acknowledged_into_files_that_were_cut() {
    for (ending, left) in [("", 0), ("", 8192), ("-wal", 0), ("-wal", 40)] {
        let said = Arc::new(Mutex::new(String::new()));
        let mut engine = Sqlite::new();
        let heard = said.clone();
        engine.fatal = Arc::new(move |reason| reason.clone_into(&mut heard.lock()));
        let open = Open::new(&engine);
        open.deliver("evt_1", &["a"]);
        let path = open::beside(&engine.path(), ending);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(left).unwrap();
        let answer = block_on(open.ledger.record(vec![event("evt_2", b"{}", &["a"])]));
        assert!(
            matches!(
                answer,
                Err(LedgerError::Unavailable(_) | LedgerError::Closed)
            ),
            "{ending} of {left} bytes: {answer:?}"
        );
        until(|| !said.lock().is_empty());
        let said = said.lock().clone();
        let cut = format!("{} was cut", path.display());
        assert!(said.contains(&cut), "{said}");
    }
}

#[test]
fn a_file_that_others_make_shorter_by_sqlite_is_whole() {
    let engine = Sqlite::new();
    let ledger = engine.try_open().unwrap();
    let body = vec![b'x'; 900_000];
    let large = |n: usize| vec![event(&format!("evt_{n}"), &body, &["a"])];
    let length = || std::fs::metadata(engine.path()).unwrap().len();
    for n in 0..4 {
        block_on(ledger.record(large(n))).unwrap();
    }
    let other = engine.look();
    // Makes the database large, then small: with pages that only the log has, and without.
    for checkpoint in ["TRUNCATE", "PASSIVE", "RESTART", "FULL"] {
        let filler = "CREATE TABLE filler AS
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
             SELECT zeroblob(9000) FROM n";
        let run = |sql: &str| other.execute_batch(sql).unwrap();
        run(&format!("{filler}; PRAGMA wal_checkpoint({checkpoint})"));
        block_on(ledger.record(large(length() as usize))).unwrap();
        let before = length();
        run(&format!(
            "DROP TABLE filler; VACUUM; PRAGMA wal_checkpoint({checkpoint})"
        ));
        assert!(length() < before, "{checkpoint}");
        block_on(ledger.record(large(length() as usize))).unwrap();
    }
    drop(other);
    ledger.close();
}

#[test]
fn a_second_gateway_is_refused_without_the_lock_file_too() {
    let engine = Sqlite::new();
    let first = engine.try_open().unwrap();
    std::fs::remove_file(open::beside(&engine.path(), ".lock")).unwrap();
    let refused = engine.try_open().map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    drop(first);
}
