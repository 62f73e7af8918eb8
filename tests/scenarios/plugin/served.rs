//! A new project, built and tested as its README says, and served by a real gateway: signed events,
//! a kill, and a start on what is left.

use std::fs;

use serde_json::Value;

use super::TestProject;
use crate::harness::{Event, Handler, Ledger, Manifest, Site};

/// Makes a project, builds and tests it, and serves it. Returns the site's ledger with two events
/// handled, one before and one after a kill.
pub(crate) fn made_and_served(language: &str) -> (Site, Ledger) {
    let project = TestProject::new("payments", language, &[]);
    let built = project.plugin(&["build"]);
    assert_eq!(built.code, 0, "{built:?}");
    assert!(built.stdout.contains("passed"), "{built:?}");
    let tested = project.plugin(&["test"]);
    assert_eq!(tested.code, 0, "{tested:?}");
    assert!(tested.stdout.contains("all as expected"), "{tested:?}");
    serve(&project)
}

fn serve(project: &TestProject) -> (Site, Ledger) {
    let handler = Handler::new("payments").component("payments.wasm");
    let handler = handler
        .set("fixtures = \"fixtures/*.json\"")
        .set("config = { notify_url = \"https://shop.example.com/paid\" }")
        .set("[[handlers.payments.allow]]\norigin = \"https://shop.example.com\"");
    let site = Site::new(&Manifest::with_one(handler));
    fs::create_dir(site.path("fixtures")).unwrap();
    for fixture in fs::read_dir(project.path("fixtures")).unwrap() {
        let fixture = fixture.unwrap();
        let place = site.path("fixtures").join(fixture.file_name());
        fs::copy(fixture.path(), place).unwrap();
    }
    site.plug("payments.wasm", &fs::read(project.component()).unwrap());

    let gateway = site.start();
    assert_eq!(gateway.status_at("/generation/error"), Value::Null);
    let first = sample(project, "evt_first", "first");
    gateway.accepts(&first);
    gateway.settles();
    gateway.kill();

    let gateway = site.start();
    gateway.accepts_again(&first);
    gateway.accepts(&sample(project, "evt_second", "second"));
    gateway.settles();
    gateway.stop();
    let ledger = site.ledger();
    for event in ["evt_first", "evt_second"] {
        assert_eq!(ledger.delivery(event, "payments"), "done", "{event}");
    }
    assert_eq!(ledger.events(), 2);
    (site, ledger)
}

/// The project's sample event, with ids of its own.
fn sample(project: &TestProject, id: &str, object: &str) -> Event {
    let text = fs::read_to_string(project.path("event.json")).unwrap();
    let mut event: Value = serde_json::from_str(&text).unwrap();
    event["id"] = id.into();
    event["data"]["object"]["id"] = object.into();
    Event {
        id: id.to_owned(),
        body: serde_json::to_vec(&event).unwrap(),
    }
}

/// The payments of the template: each is told once, and the amounts are added up.
pub(crate) fn payments_were_told(ledger: &Ledger) {
    assert_eq!(ledger.count("SELECT count(*) FROM outbox", []), 2);
    let total = ledger.rows(
        "SELECT value FROM state WHERE key = 'total/eur'",
        [],
        |row| row.get::<_, Vec<u8>>(0),
    );
    assert_eq!(total, [b"8400"]);
}

#[test]
fn rust() {
    let (_site, ledger) = made_and_served("rust");
    payments_were_told(&ledger);
}

#[test]
fn wat() {
    let (_site, ledger) = made_and_served("wat");
    let count = ledger.rows("SELECT value FROM state WHERE key = 'events'", [], |row| {
        row.get::<_, Vec<u8>>(0)
    });
    assert_eq!(count, [b"2"]);
}
