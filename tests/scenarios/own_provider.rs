//! A provider that the gateway does not know. The manifest describes its scheme.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;

use crate::harness::{
    Answer, Gateway, Handler, Manifest, Site, eventually, hmac_sha256, now, post,
};

const SCHEME: &str = r#"
[schemes.harbour]
algorithm = "hmac-sha256"
key_prefix = "hsk_"
signature = { header = "harbour-signature", form = "pairs", separator = ";", name = "s" }
timestamp = { pair = "t", tolerance = "1m" }
signed = "{timestamp}|{header:harbour-batch}|{body}"
events = "/events"
id = "{header:harbour-batch}/{/n}"
kind = "/what"
answers = { accepted = { status = 202, body = "thanks" }, rejected = { status = 401 } }

[sources.harbour]
path = "/webhooks/harbour"
scheme = "harbour"
secrets = ["hsk_quay"]
"#;

fn manifest() -> Manifest {
    Manifest::with_one(Handler::new("guest"))
        .section(SCHEME)
        .route_of("harbour", "ship.*", &["guest"], "")
}

/// Posts a body as the provider would, signed at `time` for `batch`.
fn deliver(gateway: &Gateway, time: u64, batch: &str, body: &[u8]) -> Answer {
    let mut signed = format!("{time}|{batch}|").into_bytes();
    signed.extend_from_slice(body);
    let signature = format!("t={time};s={}", hex::encode(hmac_sha256(b"quay", &signed)));
    let headers = [
        ("harbour-signature", signature.as_str()),
        ("harbour-batch", batch),
    ];
    post(gateway.ingress, "/webhooks/harbour", &headers, body).unwrap()
}

fn batch() -> Vec<u8> {
    let steps = json!([{ "do": "add", "key": "ships" }]);
    let event = |n: u32| json!({ "n": n, "what": "ship.arrived", "data": { "object": { "steps": steps } } });
    serde_json::to_vec(&json!({ "events": [event(1), event(2)] })).unwrap()
}

#[test]
fn its_events_are_verified_recorded_and_handled_as_described() {
    let site = Site::new(&manifest());
    let gateway = site.start();
    let answer = deliver(&gateway, now(), "B7", &batch());
    assert_eq!((answer.status, &answer.body[..]), (202, &b"thanks"[..]));
    gateway.settles();
    let ledger = site.ledger();
    let ids = ledger.texts("SELECT provider_id FROM v_events ORDER BY seq", []);
    assert_eq!(ids, ["B7/1", "B7/2"]);
    assert_eq!(ledger.state("guest", "ships").as_deref(), Some("2"));

    let again = deliver(&gateway, now(), "B7", &batch());
    assert_eq!(again.status, 202, "a duplicate");
    assert_eq!(deliver(&gateway, now() - 62, "B8", &batch()).status, 401);
    let mut forged = batch();
    let at = forged.len() - 4;
    forged[at] ^= 1;
    let signature = format!(
        "t={};s={}",
        now(),
        hex::encode(hmac_sha256(b"quay", &batch()))
    );
    let headers = [
        ("harbour-signature", signature.as_str()),
        ("harbour-batch", "B9"),
    ];
    let refused = post(gateway.ingress, "/webhooks/harbour", &headers, &forged).unwrap();
    assert_eq!(refused.status, 401);
    gateway.settles();
    assert_eq!(ledger.events(), 2);
    assert_eq!(ledger.state("guest", "ships").as_deref(), Some("2"));
    let rejections = gateway.status_at("/rejections/harbour");
    assert_eq!(
        rejections,
        json!({ "signature_mismatch": 1, "timestamp_too_old": 1 })
    );
}

#[test]
fn a_change_of_its_description_is_taken_up_and_a_mistake_is_not() {
    let manifest = manifest();
    let site = Site::new(&manifest);
    let gateway = site.start();
    assert_eq!(deliver(&gateway, now(), "B1", &batch()).status, 202);
    site.write_manifest(&manifest.text().replace("status = 202", "status = 203"));
    eventually("the new answer", || {
        deliver(&gateway, now(), "B1", &batch()).status == 203
    });
    site.write_manifest(&manifest.text().replace("\"{timestamp}|", "\"{timestmp}|"));
    eventually("the mistake is told", || {
        let error = gateway.status_at("/generation/error");
        error
            .as_str()
            .is_some_and(|error| error.contains("did you mean {timestamp}?"))
    });
    assert_eq!(deliver(&gateway, now(), "B1", &batch()).status, 203);
}

/// Returns the example's folder. The test writes nothing to it.
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/own-provider")
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .current_dir(example())
        .env("HARBOUR_SECRET", "hsk_harbourdemo")
        .env_remove("TOLLGATE_MANIFEST")
        .output()
        .unwrap()
}

#[test]
fn the_example_does_what_its_page_says() {
    let checked = run(&["check"]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{checked:?}");
    assert!(
        said.contains("harbour  /webhooks/harbour  (harbour)"),
        "{said}"
    );

    // This is the command of the page, with its signature.
    let page = std::fs::read_to_string(example().join("README.md")).unwrap();
    let (_, rest) = page.split_once("--header '").unwrap();
    let (header, _) = rest.split_once('\'').unwrap();
    let verify = |header: &str, now: &str| {
        let body = "captured/customer-created.json";
        run(&[
            "verify", "--source", "harbour", "--now", now, "--body", body, "--header", header,
        ])
    };
    let accepted = verify(header, "1790000000");
    assert!(accepted.status.success(), "{accepted:?}");
    let said = String::from_utf8_lossy(&accepted.stdout).into_owned();
    assert!(said.contains("customer.created  hev_7Q1"), "{said}");
    assert_eq!(verify(header, "1790000301").status.code(), Some(1));

    // The command names the scheme and a secret, so it needs no environment variable of the
    // source.
    let by_scheme = |scheme: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(["verify", "--scheme", scheme, "--secret", "hsk_harbourdemo"]);
        command.args(["--now", "1790000000", "--header", header]);
        command.args(["--body", "captured/customer-created.json"]);
        let command = command.current_dir(example());
        command.env_remove("HARBOUR_SECRET").output().unwrap()
    };
    let accepted = by_scheme("harbour");
    assert!(accepted.status.success(), "{accepted:?}");
    let refused = by_scheme("harbor");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("harbor"), "{said}");

    let signed = run(&[
        "sign",
        "--source",
        "harbour",
        "--now",
        "1790000000",
        "--body",
        "captured/customer-created.json",
    ]);
    let said = String::from_utf8_lossy(&signed.stdout).into_owned();
    assert!(
        said.contains(header),
        "the same signature as on the page: {said}"
    );
}
