//! The ledger's files, when somebody moves, deletes or replaces them under a running gateway.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Event, Gateway, Handler, Manifest, Site};

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

#[test]
fn an_idle_gateway_notices_it_too() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let mut gateway = site.start();
    fs::rename(site.path("data"), site.path("aside")).unwrap();
    assert!(gateway.ends_within(Duration::from_secs(30)));
}
