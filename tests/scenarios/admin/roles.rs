//! Tokens with roles: what each may do, and what is on record.

use serde_json::{Value, json};

use super::{OPERATE, READ, ask, tokens};
use crate::harness::{Event, Gateway, Handler, Manifest, Site, eventually};

fn site() -> Site {
    Site::new(&Manifest::with_one(Handler::new("guest").retry(5, "1h")).server(&tokens()))
}

#[track_caller]
fn json_of(gateway: &Gateway, path: &str) -> Value {
    let answer = ask(gateway, READ, "GET", path, "");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn a_token_that_may_read_changes_nothing() {
    let site = site();
    let gateway = site.start();
    let document = json_of(&gateway, "/api/openapi.json");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 25, "{paths:?}");
    let mut changes = 0;
    for (path, methods) in paths {
        let path = path
            .replace("{id}", "00000000-0000-0000-0000-000000000000")
            .replace("{number}", "1");
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let status = |token: &str| ask(&gateway, token, &method, &path, "{}").status;
            assert_eq!(status(""), 401, "{method} {path}");
            match method.as_str() {
                "GET" => assert!(matches!(status(READ), 200 | 400 | 404), "{path}"),
                _ => {
                    changes += 1;
                    assert_eq!(status(READ), 403, "{method} {path}");
                }
            }
        }
    }
    assert!(changes > 10, "{document}");
}

#[test]
fn the_name_of_the_token_is_on_record_whatever_name_a_request_says() {
    let site = site();
    let gateway = site.start();
    let post = |path: &str, body: &Value| {
        let answer = ask(&gateway, OPERATE, "POST", path, &body.to_string());
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    };
    gateway.accepts(&Event::new(
        "test",
        json!({ "do": "retry", "reason": "later" }),
    ));
    let delivery = eventually_retrying(&gateway);
    post(
        &format!("/api/deliveries/{delivery}/cancel"),
        &json!({ "who": "ada", "why": "a test" }),
    );
    let shown = json_of(&gateway, &format!("/api/deliveries/{delivery}"));
    assert_eq!(shown["interventions"][0]["who"], "ada (night)", "{shown:#}");
    assert_eq!(shown["interventions"][0]["why"], "a test");
    let value = json!({ "changes": [{ "key": "k", "text": "v" }], "why": "mended" });
    post("/api/state/guest", &value);
    let changes = json_of(&gateway, "/api/state/guest/changes");
    assert_eq!(changes["items"][0]["who"], "night", "{changes:#}");
    // Where there is no record, the log says who.
    post("/api/handlers/guest/pause", &json!({ "why": "a deploy" }));
    post("/api/handlers/guest/resume", &json!({}));
    post("/api/reload", &json!({}));
    let log = gateway.stderr();
    for said in [
        "an operator pauses a handler",
        "an operator resumes a handler",
        "an operator asks for a reload",
    ] {
        let line = log.lines().find(|line| line.contains(said));
        assert!(
            line.is_some_and(|line| line.contains("night")),
            "{said}: {log}"
        );
    }
    assert!(!gateway.stop().contains(OPERATE));
}

fn eventually_retrying(gateway: &Gateway) -> i64 {
    let mut number = None;
    eventually("the delivery waits for its next attempt", || {
        let list = json_of(gateway, "/api/deliveries?state=retrying");
        number = list["items"][0]["seq"].as_i64();
        number.is_some()
    });
    number.unwrap()
}
