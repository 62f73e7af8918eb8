//! A bad deploy, from the alert to the last repaired event: by commands alone, and in the browser
//! alone (tests/browser/story.mjs).
//!
//! The new version answers, but wrongly: it rejects paid orders. So nothing rolls it back by
//! itself.

use std::fs;

use serde_json::{Value, json};

use super::dashboard::{browser_settings, drive, is_prepared};
use crate::harness::{
    Event, Gateway, Handler, Manifest, Receiver, Site, component, digest, eventually, get,
    rejecting, run,
};

/// The events before the bad deploy, and those that it rejects.
const BEFORE: i64 = 3;
const REJECTED: i64 = 8;

/// A gateway that tells of dead letters, with a handler that has done some work.
fn served() -> (Site, Gateway, Receiver) {
    let receiver = Receiver::start();
    let manifest = Manifest::with_one(Handler::new("guest").retry(3, "10ms")).section(&format!(
        "[alert_receivers.ops]\nformat = \"json\"\nurl = \"{}\"\n\n[[alerts]]\n\
             when = \"dead_letters\"\nwithin = \"8s\"\nquiet = \"0s\"\n",
        receiver.url("/alerts")
    ));
    let site = Site::new(&manifest);
    let gateway = site.start();
    for number in 0..BEFORE {
        gateway.accepts(&order(number));
    }
    gateway.settles();
    // The gateway compares with what it has seen before.
    eventually("the first look for alerts", || {
        site.ledger().count("SELECT count(*) FROM alert_memory", []) == 1
    });
    (site, gateway, receiver)
}

fn order(number: i64) -> Event {
    Event::with_id(
        &format!("evt_order_{number}"),
        "payment_intent.succeeded",
        json!({ "do": "add", "key": "fulfilled" }),
    )
}

/// Deploys the version that rejects, and lets orders come in.
fn bad_deploy(site: &Site, gateway: &Gateway) -> Vec<u8> {
    let bad = rejecting(&component("conformance"), "the order is unknown");
    site.plug("conformance.wasm", &bad);
    eventually("the new version serves", || {
        gateway.serves("guest") == digest(&bad)
    });
    for number in BEFORE..BEFORE + REJECTED {
        gateway.accepts(&order(number));
    }
    eventually("the orders are dead", || {
        site.ledger().deliveries_in("guest", "dead") == REJECTED
    });
    bad
}

fn is_told(receiver: &Receiver, status: &str) {
    eventually("the alert is told", || {
        let requests = receiver.requests().into_iter();
        let mut notices =
            requests.map(|request| serde_json::from_str::<Value>(&request.body).unwrap());
        notices.any(|notice| notice["status"] == status && notice["alert"] == "dead_letters")
    });
}

/// Every order is fulfilled once, and nothing waits for anybody.
fn all_is_well(site: &Site, receiver: &Receiver) {
    let all = BEFORE + REJECTED;
    let ledger = site.ledger();
    eventually("every order is done", || {
        ledger.deliveries_in("guest", "done") == all
    });
    let fulfilled = ledger.state("guest", "fulfilled");
    assert_eq!(fulfilled, Some(all.to_string()), "each order once");
    is_told(receiver, "ended");
}

fn metrics(gateway: &Gateway) -> String {
    String::from_utf8(get(gateway.admin, "/metrics").unwrap().body).unwrap()
}

#[test]
fn a_bad_deploy_is_repaired_by_commands_alone() {
    let (site, gateway, receiver) = served();
    let bad = bad_deploy(&site, &gateway);
    is_told(&receiver, "started");

    // What the operator sees.
    let died = format!("tollgate_deliveries_died_total {REJECTED}\n");
    let page = metrics(&gateway);
    assert!(page.contains(&died), "{page}");
    let status = site.run("status", &["--admin", &gateway.admin.to_string()]);
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains(&format!("{REJECTED} dead")), "{status}");
    let dead = run(&site, &gateway, "deliveries list", &["--state", "dead"]);
    let first = dead[0]["seq"].to_string();
    let shown = run(&site, &gateway, "deliveries show", &[&first]);
    let attempt = &shown["tried"][0];
    assert_eq!(attempt["component"], digest(&bad), "{shown}");
    assert!(attempt.to_string().contains("the order is unknown"));

    // What the operator does.
    let why = ["--why", "rejects paid orders"];
    let back = run(
        &site,
        &gateway,
        "handlers rollback",
        &[&["guest"], &why[..]].concat(),
    );
    assert_eq!(back["serves"], digest(&component("conformance")));
    assert_eq!(back["kept_out"], digest(&bad));
    assert_eq!(gateway.serves("guest"), digest(&component("conformance")));
    let all = ["--state", "dead", "--handler", "guest"];
    let dry = run(
        &site,
        &gateway,
        "replay",
        &[&all[..], &["--dry-run"]].concat(),
    );
    assert_eq!(dry["replayed"], REJECTED, "{dry}");
    run(
        &site,
        &gateway,
        "replay",
        &[&all[..], &["--yes"], &why].concat(),
    );

    all_is_well(&site, &receiver);
    let dead = run(&site, &gateway, "deliveries list", &["--state", "dead"]);
    assert_eq!(dead, json!([]));
    // What was done is on record.
    let shown = run(&site, &gateway, "deliveries show", &[&first]).to_string();
    assert!(shown.contains("rejects paid orders"), "{shown}");
    stays_out_until_it_is_let_in(&site, gateway, &bad);
}

/// The bad version outlives no restart, and an operator may let it in again.
fn stays_out_until_it_is_let_in(site: &Site, gateway: Gateway, bad: &[u8]) {
    gateway.stop();
    let gateway = site.start();
    assert_eq!(gateway.serves("guest"), digest(&component("conformance")));
    let error = gateway.status_at("/generation/error").to_string();
    assert!(error.contains("rejects paid orders"), "{error}");
    let again = run(site, &gateway, "handlers readmit", &["guest"]);
    assert_eq!(
        (&again["serves"], &again["on_trial"]),
        (&json!(digest(bad)), &json!(true))
    );
    // Any component that has run can be named by its first digits.
    let to = &digest(&component("conformance"))[..10];
    let back = run(site, &gateway, "handlers rollback", &["guest", "--to", to]);
    assert_eq!(back["kept_out"], digest(bad));
    assert_eq!(gateway.serves("guest"), digest(&component("conformance")));
    gateway.stop();
}

#[test]
fn a_bad_deploy_is_repaired_in_the_browser_alone() {
    if !is_prepared() {
        return;
    }
    let (site, gateway, receiver) = served();
    let bad = bad_deploy(&site, &gateway);
    is_told(&receiver, "started");
    let settings = site.path("browser.json");
    let mut told = browser_settings(&gateway, "");
    told["bad"] = json!(digest(&bad));
    told["good"] = json!(digest(&component("conformance")));
    told["dead"] = json!(REJECTED);
    fs::write(&settings, told.to_string()).unwrap();
    drive("story.mjs", &settings);
    assert_eq!(gateway.serves("guest"), digest(&component("conformance")));
    all_is_well(&site, &receiver);
    gateway.stop();
}
