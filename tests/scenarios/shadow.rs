//! `tollgate replay --shadow`: a candidate runs on recorded events, without any effect.

use serde_json::{Value, json};

use crate::harness::{Event, Handler, Manifest, Receiver, Site, component, digest, variant};

/// Runs a candidate on the recorded events. Returns the exit code, the report and stderr.
fn shadow(site: &Site, candidate: &str, bytes: &[u8], more: &[&str]) -> (i32, Value, String) {
    let file = site.path(candidate);
    std::fs::write(&file, bytes).unwrap();
    let file = file.to_str().unwrap();
    let arguments = [&["--shadow", file, "--json"], more].concat();
    let output = site.run("replay", &arguments);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), report, stderr)
}

/// Returns the recorded side of a difference in delivery `n` of a report.
#[track_caller]
fn recorded(report: &Value, n: usize, what: &str) -> String {
    let differences = report["deliveries"][n]["differences"].as_array().unwrap();
    let found = differences
        .iter()
        .find(|difference| difference["what"] == what);
    let found = found.unwrap_or_else(|| panic!("{what}: {report:#}"));
    found["was"].as_str().unwrap().to_owned()
}

#[test]
fn a_candidate_is_compared_without_any_effect() {
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ));
    let gateway = site.start();
    for _ in 0..3 {
        gateway.accepts(&Event::new(
            "test.shadow",
            json!([
                { "do": "increment", "key": "n" },
                { "do": "send", "url": receiver.url("/ship"), "body": { "order": 1 } },
                { "do": "emit", "kind": "order.fulfilled", "payload": {} },
            ]),
        ));
        gateway.drains();
    }
    gateway.accepts(&Event::new(
        "test.never",
        json!({ "do": "reject", "reason": "no such order" }),
    ));
    gateway.drains();
    let guest = component("conformance");
    let (code, told, stderr) = shadow(&site, "same.wasm", &variant(&guest, "candidate"), &[]);
    assert_eq!(code, 0, "{told:#} {stderr}");
    assert_eq!(
        (&told["compared"], &told["different"]),
        (&json!(4), &json!(0))
    );
    let deliveries = told["deliveries"].as_array().unwrap();
    assert!(
        deliveries.iter().all(|one| one["rerun"] == true),
        "{told:#}"
    );

    // Another handler behaves differently in every run.
    let other = component("welcome");
    let (code, told, _) = shadow(&site, "other.wasm", &other, &["--kind", "test.shadow"]);
    assert_eq!(code, 1, "{told:#}");
    assert_eq!(
        (&told["compared"], &told["different"]),
        (&json!(3), &json!(3))
    );
    assert!(recorded(&told, 0, "request 1").contains("{\"order\":1}"));
    assert!(recorded(&told, 0, "event 1").starts_with("order.fulfilled"));
    // Each run saw the writes of the run before, on a copy of the present state.
    let values = [0, 1, 2].map(|n| recorded(&told, n, "state n"));
    assert_eq!(values, ["set to 4", "set to 5", "set to 6"]);

    // The component of that time is gone, so only the records remain.
    let kept = site.path(format!("data/components/{}.wasm", digest(&guest)));
    std::fs::remove_file(kept).unwrap();
    let (code, told, _) = shadow(&site, "same.wasm", &variant(&guest, "candidate"), &[]);
    assert_eq!((code, &told["different"]), (0, &json!(0)), "{told:#}");
    assert_eq!(told["deliveries"][0]["rerun"], false);

    let ledger = site.ledger();
    assert_eq!(
        ledger.state("guest", "n").as_deref(),
        Some("3"),
        "nothing was written"
    );
    assert_eq!((receiver.requests().len(), ledger.events()), (3, 7));
    let (code, _, stderr) = shadow(&site, "none.wasm", b"no component", &[]);
    assert_eq!(code, 2, "{stderr}");
}
