//! `tollgate plugin test --from-ledger`: a handler on a recorded event.

use std::fs;

use serde_json::Value;

use super::TestProject;
use crate::harness::{Event, Handler, Manifest, Site};

#[test]
fn a_recorded_event_is_a_test_and_becomes_a_fixture() {
    let project = TestProject::new("counts", "wat", &[]);
    let built = project.plugin(&["build"]);
    assert_eq!(built.code, 0, "{built:?}");
    let handler = Handler::new("counts").component("counts.wasm");
    let site = Site::new(&Manifest::with_one(handler));
    site.plug("counts.wasm", &fs::read(project.component()).unwrap());
    let gateway = site.start();
    let event = gateway.accepts(&Event::about("evt_1", "charge.refunded", "ch_1".into()));
    gateway.settles();
    gateway.stop();

    let manifest = site.manifest_path();
    let manifest = manifest.to_str().unwrap();
    let tested = project.plugin(&[
        "test",
        "--manifest",
        manifest,
        "--from-ledger",
        &event,
        "--save",
        "fixtures/refund.json",
    ]);
    assert_eq!(tested.code, 0, "{tested:?}");
    assert!(
        tested.stdout.contains("charge.refunded -> done"),
        "{tested:?}"
    );
    let text = fs::read_to_string(project.path("fixtures/refund.json")).unwrap();
    let fixture: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(fixture["event"]["provider_id"], "evt_1");
    assert_eq!(fixture["event"]["payload"]["type"], "charge.refunded");
    assert_eq!(fixture["expect"]["outcome"], "done");
    // The fixture is one of the project's now, and passes.
    assert!(project.tests_well().contains("3 fixtures: all as expected"));
    // A run on a record changes nothing.
    assert_eq!(site.ledger().events(), 1);
    let count = site.ledger().rows("SELECT value FROM state", [], |row| {
        row.get::<_, Vec<u8>>(0)
    });
    assert_eq!(count, [b"1"]);

    let unknown = project.plugin(&["test", "--manifest", manifest, "--from-ledger", "77"]);
    assert_eq!(unknown.code, 3, "{unknown:?}");
    assert!(
        unknown.stderr.contains("there is no delivery 77"),
        "{unknown:?}"
    );
}
