//! A new project, built and tested as its README says, and served by a real gateway: signed events,
//! a kill, and a start on what is left.

use std::fs;

use serde_json::Value;

use super::{TestProject, has};
use crate::harness::{Event, Handler, Ledger, Manifest, Site};

/// What a gateway has left that served a project.
pub(crate) struct Served {
    _site: Site,
    pub(crate) ledger: Ledger,
    /// The amount of money of the project's sample event.
    amount: i64,
}

/// Makes a project, builds and tests it, and serves it: two events are handled, one before and one
/// after a kill.
pub(crate) fn made_and_served(language: &str) -> Served {
    let project = TestProject::new("payments", language, &[]);
    let built = project.plugin(&["build"]);
    assert_eq!(built.code, 0, "{built:?}");
    assert!(built.stdout.contains("passed"), "{built:?}");
    let tested = project.plugin(&["test"]);
    assert_eq!(tested.code, 0, "{tested:?}");
    assert!(tested.stdout.contains("all as expected"), "{tested:?}");
    serve(&project)
}

fn serve(project: &TestProject) -> Served {
    let handler = Handler::new("payments").component("payments.wasm");
    let handler = handler
        .set("fixtures = \"fixtures/*.json\"")
        .set("config = { notify_url = \"https://shop.example.com/paid\" }")
        .set("[[handlers.payments.allow]]\norigin = \"https://shop.example.com\"");
    // A debug build of the gateway takes long for some megabytes, beside other tests.
    let manifest = Manifest::with_one(handler).plugins("compile_time = \"10m\"");
    let site = Site::new(&manifest);
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
    let sample = sample(project, "", "");
    let sample: Value = serde_json::from_slice(&sample.body).unwrap();
    Served {
        _site: site,
        ledger,
        amount: sample["data"]["object"]["amount_received"]
            .as_i64()
            .unwrap(),
    }
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
pub(crate) fn payments_were_told(served: &Served) {
    let Served { ledger, amount, .. } = served;
    assert_eq!(ledger.count("SELECT count(*) FROM outbox", []), 2);
    let sums = "SELECT value FROM state WHERE key LIKE 'total/%'";
    let total = ledger.rows(sums, [], |row| row.get::<_, Vec<u8>>(0));
    assert_eq!(total, [(2 * amount).to_string().into_bytes()]);
}

#[test]
fn rust() {
    let served = made_and_served("rust");
    payments_were_told(&served);
}

#[test]
fn go() {
    if !has("go", "handlers in Go") {
        return;
    }
    let served = made_and_served("go");
    payments_were_told(&served);
}

#[test]
fn c() {
    if !has("clang-19", "handlers in C") {
        return;
    }
    let served = made_and_served("c");
    payments_were_told(&served);
}

#[test]
fn wat() {
    let served = made_and_served("wat");
    let count = served
        .ledger
        .rows("SELECT value FROM state WHERE key = 'events'", [], |row| {
            row.get::<_, Vec<u8>>(0)
        });
    assert_eq!(count, [b"2"]);
}
