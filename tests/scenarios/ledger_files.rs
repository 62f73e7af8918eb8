//! The ledger's files, when somebody moves, deletes or replaces them under a running gateway.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Event, Gateway, Handler, Manifest, Site, eventually, get};

/// Sends events until the gateway ends, and returns the ids of those that were acknowledged.
fn send_until_the_end(gateway: &mut Gateway) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !gateway.ends_within(Duration::from_millis(10)) {
        let event = Event::new("test.done", json!({ "do": "done" }));
        // The gateway may end before it answers.
        if gateway
            .try_post(&event)
            .is_some_and(|answer| answer.status == 200)
        {
            acknowledged.push(event.id);
        }
    }
    acknowledged
}

/// Starts a gateway and lets `displace` do something to its data folder: the gateway must end.
/// After `repair`, whatever was acknowledged is still there.
fn displaced(displace: impl FnOnce(&Path), repair: impl FnOnce(&Path)) {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let mut gateway = site.start();
    let before: Vec<_> = (0..5)
        .map(|_| Event::new("test.done", json!({ "do": "done" })))
        .collect();
    for event in &before {
        gateway.accepts(event);
    }
    gateway.settles();
    let data = site.path("data");
    displace(&data);
    let acknowledged = send_until_the_end(&mut gateway);
    let said = gateway.stderr();
    assert!(said.contains("while the gateway had it open"), "{said}");
    repair(&data);
    let gateway = site.start();
    let ledger = site.ledger();
    for id in before.iter().map(|event| &event.id).chain(&acknowledged) {
        assert_eq!(ledger.delivery_rows(id).len(), 1, "{id} is lost");
    }
    gateway.stop();
}

#[test]
fn a_moved_data_folder_ends_the_gateway_and_loses_nothing() {
    let aside = |data: &Path| data.with_file_name("aside");
    displaced(
        |data| fs::rename(data, aside(data)).unwrap(),
        |data| fs::rename(aside(data), data).unwrap(),
    );
}

#[test]
fn a_replaced_ledger_ends_the_gateway_and_loses_nothing() {
    let file = |data: &Path| data.join("tollgate.db");
    displaced(
        |data| {
            fs::rename(file(data), data.join("old")).unwrap();
            fs::copy(data.join("old"), file(data)).unwrap();
        },
        |data| fs::rename(data.join("old"), file(data)).unwrap(),
    );
}

#[test]
fn a_deleted_log_ends_the_gateway_before_it_answers() {
    let log = |data: &Path| data.join("tollgate.db-wal");
    displaced(
        |data| fs::rename(log(data), data.join("log")).unwrap(),
        |data| fs::rename(data.join("log"), log(data)).unwrap(),
    );
}

/// Starts a gateway that has five events in its ledger, and cuts a file of the ledger to nothing:
/// the gateway must end and acknowledge nothing more.
fn cut(ending: &str) {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let mut gateway = site.start();
    for _ in 0..5 {
        gateway.accepts(&Event::new("test.done", json!({ "do": "done" })));
    }
    gateway.settles();
    let path = site.path(format!("data/tollgate.db{ending}"));
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(0).unwrap();
    let acknowledged = send_until_the_end(&mut gateway);
    assert_eq!(
        acknowledged,
        Vec::<String>::new(),
        "into a file that was cut"
    );
    let said = gateway.stderr();
    assert!(
        said.contains("was cut while the gateway had it open"),
        "{said}"
    );
}

#[test]
fn a_database_that_is_cut_ends_the_gateway_before_it_answers() {
    cut("");
}

#[test]
fn a_log_that_is_cut_ends_the_gateway_before_it_answers() {
    cut("-wal");
}

#[test]
fn an_idle_gateway_notices_it_too() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let mut gateway = site.start();
    fs::rename(site.path("data"), site.path("aside")).unwrap();
    assert!(gateway.ends_within(Duration::from_secs(30)));
}

/// The length of the log's file.
fn log_length(site: &Site) -> u64 {
    fs::metadata(site.path("data/tollgate.db-wal")).map_or(0, |log| log.len())
}

#[test]
fn a_reader_that_lets_the_log_grow_is_told_until_it_has_gone() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let large = |number: usize| {
        let steps = json!([{ "do": "done" }, { "do": "done", "filler": "x".repeat(900_000) }]);
        Event::with_id(&format!("evt_large_{number}"), "test.large", steps)
    };
    gateway.accepts(&large(0));
    let reader = rusqlite::Connection::open(site.path("data/tollgate.db")).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM events")
        .unwrap();
    let mut number = 0;
    while gateway.status_at("/ledger/log/held_up") != json!(true) {
        number += 1;
        assert!(
            number < 400,
            "never told, with a log of {}",
            log_length(&site)
        );
        gateway.accepts(&large(number));
    }
    assert!(log_length(&site) > 90_000_000);
    let ready = get(gateway.admin, "/readyz").unwrap();
    let said = String::from_utf8(ready.body).unwrap();
    assert_eq!(ready.status, 200, "{said}");
    assert!(said.contains("keeps the write-ahead log"), "{said}");
    eventually("the log says it", || {
        gateway.stderr().contains("such as sqlite3 or a backup")
    });

    reader.execute_batch("COMMIT").unwrap();
    eventually("the log is used anew", || {
        gateway.status_at("/ledger/log/held_up") == json!(false)
    });
    eventually("the log's file is short again", || {
        log_length(&site) < 70_000_000
    });
    assert!(gateway.status_at("/ledger/log/bytes").as_u64().unwrap() < 70_000_000);
    let ready = get(gateway.admin, "/readyz").unwrap();
    assert!(!String::from_utf8(ready.body).unwrap().contains("warnings"));
    gateway.stop();
}

/// SQLite has the file `-shm` in memory, so the system ends a process that reads what was cut off.
#[test]
fn a_cut_file_of_shared_memory_loses_nothing() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let mut gateway = site.start();
    let before: Vec<_> = (0..5)
        .map(|_| Event::new("test.done", json!({ "do": "done" })))
        .collect();
    for event in &before {
        gateway.accepts(event);
    }
    gateway.settles();
    let shared = site.path("data/tollgate.db-shm");
    fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(&shared)
        .unwrap();
    let acknowledged = send_until_the_end(&mut gateway);
    for content in [&b"no memory that anybody shares"[..], b""] {
        fs::write(&shared, content).unwrap();
        let gateway = site.start();
        let ledger = site.ledger();
        for id in before.iter().map(|event| &event.id).chain(&acknowledged) {
            assert_eq!(ledger.delivery_rows(id).len(), 1, "{id} is lost");
        }
        gateway.kill();
    }
}
