//! Every answer is as the document describes it: schemathesis asks a gateway with data, for each
//! role.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{OPERATE, READ, ask, tokens};
use crate::harness::{Event, Gateway, Handler, Manifest, Receiver, Site, post, skip};

/// Checks that make no sense here. Many requests that the document allows name something that is
/// not there, or ask for two things that exclude each other: 400 and 404 are right.
const LEFT_OUT: &str = "positive_data_acceptance,negative_data_rejection,use_after_free,\
    ensure_resource_availability";

/// `.ci/prepare api` installs it.
fn schemathesis() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = root.join("target/api/python/bin/schemathesis");
    program.exists().then_some(program)
}

/// A gateway with something in every list. Returns the ids that paths name.
fn filled(receiver: &Receiver) -> (Site, Gateway, Value) {
    let manifest = Manifest::new()
        .server(&tokens())
        .handler(
            Handler::new("guest")
                .retry(2, "10ms")
                .allow(receiver.address),
        )
        .handler(Handler::new("later").retry(9, "1h"))
        .route("test.*", &["guest"])
        .route("later.*", &["later"]);
    let site = Site::new(&manifest);
    let gateway = site.start();
    let event = |kind: &str, steps: Value| gateway.accepts(&Event::new(kind, steps));
    let sent = event(
        "test.sent",
        json!([
            { "do": "log", "level": "info", "message": "<script>" },
            { "do": "set", "key": "seen", "value": "1" },
            { "do": "send", "url": receiver.url("/ship"), "body": {} },
            { "do": "schedule", "key": "remind", "after_ms": 3_600_000, "kind": "test.due",
              "payload": {} },
            { "do": "emit", "kind": "order.fulfilled", "payload": {} },
        ]),
    );
    event("test.dead", json!({ "do": "retry", "reason": "no stock" }));
    event("other.kind", json!({ "do": "done" }));
    event("later.kind", json!({ "do": "retry", "reason": "later" }));
    refused(gateway.ingress);
    let list = |path: &str| -> Value {
        let answer = ask(&gateway, READ, "GET", path, "");
        serde_json::from_slice(&answer.body).unwrap()
    };
    crate::harness::eventually("all is there", || {
        list("/api/outbox")["items"][0]["state"] == "sent"
            && list("/api/deliveries?state=dead")["items"][0].is_object()
            && list("/api/deliveries?state=retrying")["items"][0].is_object()
            && list("/api/rejections")["items"][0].is_object()
    });
    let ids = json!({
        "event": sent,
        "delivery": list("/api/deliveries?state=dead")["items"][0]["seq"],
        "request": list("/api/outbox")["items"][0]["seq"],
    });
    (site, gateway, ids)
}

fn refused(ingress: SocketAddr) {
    let answer = post(ingress, "/nowhere", &[("user-agent", "x")], b"{}").unwrap();
    assert_eq!(answer.status, 404);
}

/// The configuration: half of the requests name what is there.
fn configuration(ids: &Value) -> String {
    let operations = [
        ("/api/events/", "id", &ids["event"]),
        ("/api/deliveries/", "number", &ids["delivery"]),
        ("/api/outbox/", "number", &ids["request"]),
        ("/api/handlers/", "name", &json!("guest")),
        ("/api/state/", "handler", &json!("guest")),
    ];
    let mut text = "seed = 1\n[generation]\nmax-examples = 5\n".to_owned();
    // A capture answers for minutes. Its own scenario has its answers.
    text += "[[operations]]\ninclude-path = \"/api/capture\"\nenabled = false\n";
    for (path, name, value) in operations {
        text += &format!(
            "[[operations]]\ninclude-path-regex = \"^{path}\\\\{{\"\n\
             parameters = {{ \"path.{name}\" = {value} }}\n"
        );
    }
    text
}

#[test]
fn every_answer_is_as_the_document_says() {
    let Some(program) = schemathesis() else {
        return skip("schemathesis is not installed");
    };
    let receiver = Receiver::start();
    let (site, gateway, ids) = filled(&receiver);
    let file = site.path("schemathesis.toml");
    std::fs::write(&file, configuration(&ids)).unwrap();
    // What reads comes first: what changes pauses handlers and erases payloads.
    for (role, token) in [("read", READ), ("operate", OPERATE)] {
        // A token that may read is refused before the method is looked at.
        let more = if role == "read" {
            ",unsupported_method"
        } else {
            ""
        };
        let output = Command::new(&program)
            .current_dir(site.path("."))
            .env("NO_COLOR", "1")
            .arg("--config-file")
            .arg(&file)
            .args(["run", &format!("http://{}/api/openapi.json", gateway.admin)])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(["--phases", "examples,coverage,fuzzing"])
            .args(["--exclude-checks", &format!("{LEFT_OUT}{more}")])
            .args(["--warnings", "off", "--continue-on-failure"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{role}: {said}\n{wrong}\n{}",
            gateway.stderr()
        );
    }
    assert_eq!(ask(&gateway, OPERATE, "GET", "/status", "").status, 200);
}
