//! The rollback of a component that breaks down, and the fate of its deliveries.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Event, Gateway, Handler, Manifest, Site, component, digest, eventually, stays, trapping,
    variant,
};

fn good() -> Vec<u8> {
    component("conformance")
}

/// Makes a component that traps on every event.
fn bad(tag: &str) -> Vec<u8> {
    variant(&trapping(&good()), tag)
}

fn event(number: usize) -> Event {
    Event::with_id(
        &format!("evt_{number}"),
        "test",
        json!({ "do": "add", "key": "handled" }),
    )
}

fn site() -> Site {
    // Retries come so late that no test waits for them.
    let handler = Handler::new("guest").retry(2, "1h");
    Site::new(&Manifest::with_one(handler))
}

#[track_caller]
fn serves(gateway: &Gateway, wasm: &[u8]) {
    eventually("the component serves", || {
        gateway.serves("guest") == digest(wasm)
    });
}

#[track_caller]
fn error_of(gateway: &Gateway) -> String {
    let error = gateway.status_at("/generation/error");
    error.as_str().unwrap_or_default().to_owned()
}

/// `tollgate check` tells of a component that is kept out.
#[track_caller]
fn check_tells(site: &Site) {
    let check = site.run("check", &[]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "{said}");
    assert!(
        said.contains("is kept out until its file changes"),
        "{said}"
    );
    assert!(said.ends_with("is fine, with 1 warning\n"), "{said}");
}

#[test]
fn a_component_that_breaks_down_is_rolled_back_and_kept_out() {
    let site = site();
    let gateway = site.start();
    for number in 0..3 {
        gateway.accepts(&event(number));
    }
    gateway.settles();

    let bad = bad("1");
    site.plug("conformance.wasm", &bad);
    serves(&gateway, &bad);
    for number in 3..40 {
        gateway.accepts(&event(number));
    }
    serves(&gateway, &good());
    gateway.settles();
    let ledger = site.ledger();
    assert_eq!(ledger.deliveries_in("guest", "done"), 40);
    assert_eq!(ledger.state("guest", "handled").as_deref(), Some("40"));
    let broke = ledger.count(
        "SELECT count(DISTINCT delivery) FROM v_attempts WHERE outcome = 'trap'",
        [],
    );
    assert!((5..37).contains(&broke), "{broke} trapped");
    let told = error_of(&gateway);
    assert!(told.contains(&digest(&bad)[..12]), "{told}");
    assert!(gateway.stderr().contains("rolled back"), "loudly");
    let status = site.run("status", &["--admin", &gateway.admin.to_string()]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("kept out"));

    check_tells(&site);

    // An unrelated change of the manifest does not load the bad component.
    let before = gateway.generation();
    let manifest = std::fs::read_to_string(site.manifest_path()).unwrap();
    site.write_manifest(&format!("{manifest}\n# a remark\n"));
    eventually("a new generation serves", || gateway.generation() > before);
    assert_eq!(gateway.serves("guest"), digest(&good()));
    assert_eq!(error_of(&gateway), told);

    // A restart does not load it either.
    gateway.stop();
    let gateway = site.start();
    assert_eq!(gateway.serves("guest"), digest(&good()));
    assert_eq!(error_of(&gateway), told);
    gateway.accepts(&event(40));
    gateway.settles();
    assert_eq!(ledger.delivery("evt_40", "guest"), "done");

    let repaired = variant(&good(), "repaired");
    a_repaired_component_passes_its_trial(&site, &gateway, &repaired);

    // The gateway kept copies of the other components while they might have had to serve
    // again.
    let copy = |wasm: &[u8]| format!("{}.wasm", digest(wasm));
    assert!(copies(&site).contains(&copy(&good())));
    let before = gateway.generation();
    site.write_manifest(&manifest);
    eventually("a new generation serves", || gateway.generation() > before);
    assert_eq!(copies(&site), [copy(&repaired)]);
}

/// Puts in a repaired component after 41 events, and sends events until its trial has ended.
#[track_caller]
fn a_repaired_component_passes_its_trial(site: &Site, gateway: &Gateway, repaired: &[u8]) {
    site.plug("conformance.wasm", repaired);
    serves(gateway, repaired);
    assert_eq!(gateway.status_at("/generation/error"), Value::Null);
    for number in 41..110 {
        gateway.accepts(&event(number));
    }
    gateway.settles();
    assert_eq!(site.ledger().deliveries_in("guest", "done"), 110);
    eventually("it has passed its trial", || {
        gateway.stderr().contains("passed its trial")
    });
    assert_eq!(gateway.serves("guest"), digest(repaired));
}

/// Returns the names of the components in the folder of the last good generation.
fn copies(site: &Site) -> Vec<String> {
    let folder = std::fs::read_dir(site.path("data/last-good")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".wasm")).collect();
    names.sort();
    names
}

#[test]
fn what_died_of_a_bad_component_lives_again() {
    // With one attempt, a delivery that traps is dead.
    let handler = Handler::new("guest").retry(1, "1h");
    let site = Site::new(&Manifest::with_one(handler));
    let gateway = site.start();
    gateway.accepts(&event(0));
    gateway.settles();
    let bad = bad("deadly");
    site.plug("conformance.wasm", &bad);
    serves(&gateway, &bad);
    for number in 1..20 {
        gateway.accepts(&event(number));
    }
    serves(&gateway, &good());
    gateway.settles();
    let ledger = site.ledger();
    eventually("none stays dead", || {
        ledger.deliveries_in("guest", "done") == 20
    });
    let trapped = ledger.count("SELECT count(*) FROM v_attempts WHERE outcome = 'trap'", []);
    assert!(trapped >= 5, "{trapped} trapped: this shows nothing");
}

#[test]
fn a_trial_goes_on_after_a_kill() {
    let site = site();
    let gateway = site.start();
    gateway.accepts(&event(0));
    gateway.settles();
    let bad = bad("killed");
    site.plug("conformance.wasm", &bad);
    serves(&gateway, &bad);
    for number in 1..4 {
        gateway.accepts(&event(number));
    }
    let ledger = site.ledger();
    eventually("three have trapped", || {
        ledger.deliveries_in("guest", "retrying") == 3
    });
    gateway.kill();
    let gateway = site.start();
    assert_eq!(gateway.serves("guest"), digest(&bad), "three are too few");
    for number in 4..12 {
        gateway.accepts(&event(number));
    }
    serves(&gateway, &good());
    gateway.settles();
    assert_eq!(ledger.deliveries_in("guest", "done"), 12);
}

#[test]
fn without_rollback_it_stays() {
    let handler = Handler::new("guest").retry(2, "1h").set("rollback = false");
    let site = Site::new(&Manifest::with_one(handler));
    let gateway = site.start();
    gateway.accepts(&event(0));
    gateway.settles();
    let bad = bad("stays");
    site.plug("conformance.wasm", &bad);
    serves(&gateway, &bad);
    for number in 1..20 {
        gateway.accepts(&event(number));
    }
    let ledger = site.ledger();
    eventually("all have trapped", || {
        ledger.deliveries_in("guest", "retrying") == 19
    });
    stays("it serves", Duration::from_millis(300), || {
        gateway.serves("guest") == digest(&bad)
    });
}
