//! Sources, routes, handlers, the generation and its history, the settings, the bytes of an event.

use serde_json::{Value, json};

use super::{ask, post, read, texts};
use crate::harness::{Event, Handler, Manifest, SECRET, Site, eventually};

#[test]
fn sources_routes_and_settings_are_shown_without_secrets() {
    let manifest = Manifest::new()
        .server("admin_token = \"${TOLLGATE_TEST_SECRET}\"")
        .handler(Handler::new("guest").set("config = { warehouse = \"eu-1\" }"))
        .route_of(
            "stripe",
            "charge.*",
            &["guest"],
            "where = { \"/data/object/paid\" = true }",
        );
    let site = Site::new(&manifest);
    let gateway = site.start();
    gateway.accepts(&Event::new("charge.paid", json!({ "do": "done" })));
    let read = |path: &str| -> Value {
        let answer = ask(&gateway, SECRET, "GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains(SECRET), "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    };
    let sources = read("/api/sources");
    let source = &sources["items"][0];
    assert_eq!(source["name"], "stripe");
    assert_eq!(source["scheme"], "stripe");
    assert_eq!(source["settings"]["secrets"], json!([{ "value": "***" }]));
    assert_eq!(source["secrets"][0]["matched"], 1, "{source:#}");
    assert_eq!(source["routes"], json!([0]));
    let routes = read("/api/routes");
    let route = json!({
        "source": "stripe",
        "events": ["charge.*"],
        "thin": false,
        "where": { "/data/object/paid": true },
        "handlers": ["guest"],
    });
    assert_eq!(routes["items"], json!([route]));
    let config = read("/api/config");
    assert_eq!(
        config["server"]["admin_tokens"][0]["token"], "***",
        "{config:#}"
    );
    assert_eq!(config["server"]["admin_tokens"][0]["name"], "admin");
    assert_eq!(config["handlers"]["guest"]["timeout"], "2s", "{config:#}");
    assert_eq!(
        config["handlers"]["guest"]["config"],
        json!({ "warehouse": "eu-1" })
    );
    assert_eq!(config["ledger"]["rejections"]["keep"], 10_000);
    for path in ["/status", "/api/generation", "/api/handlers", "/api/events"] {
        read(path);
    }
}

#[test]
fn a_reload_is_asked_for_and_its_error_is_kept() {
    let manifest = Manifest::with_one(Handler::new("guest")).reload("watch = \"off\"");
    let site = Site::new(&manifest);
    let gateway = site.start();
    let before = read(&gateway, "/api/generation");
    assert_eq!(before["number"], 1);
    assert_eq!(before["error"], Value::Null);
    assert_eq!(before["handlers"]["guest"], gateway.serves("guest"));
    site.write_manifest(&manifest.text().replace("[reload]", "[relaod]"));
    let reloaded = post(&gateway, "/api/reload", "{}");
    assert_eq!(reloaded["done"], true, "{reloaded:#}");
    let told = |text: &Value| text.as_str().unwrap_or_default().contains("relaod");
    assert!(told(&reloaded["generation"]["error"]), "{reloaded:#}");
    assert_eq!(reloaded["generation"]["number"], 1);
    site.write_manifest(&manifest.text());
    let reloaded = post(&gateway, "/api/reload", "{\"why\": \"mended\"}");
    let attempts = reloaded["generation"]["attempts"].as_array().unwrap();
    assert_eq!(reloaded["generation"]["error"], Value::Null, "{reloaded:#}");
    let numbers: Vec<_> = attempts.iter().map(|one| one["number"].as_u64()).collect();
    assert_eq!(numbers, [Some(2), None, Some(1)], "{reloaded:#}");
    assert!(told(&attempts[1]["error"]), "{reloaded:#}");
}

#[test]
fn the_bytes_of_an_event_come_as_they_were_signed_and_are_no_page() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let mut event = Event::new("test.bytes", json!({ "do": "done" }));
    // White space is part of the signed bytes.
    event.body.extend(b" \n");
    let id = gateway.accepts(&event);
    gateway.settles();
    let answer = ask(&gateway, "", "GET", &format!("/api/events/{id}/body"), "");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, event.body);
    assert_eq!(
        answer.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let disposition = answer.header("content-disposition").unwrap();
    assert_eq!(disposition, format!("attachment; filename=\"{id}.bin\""));
    post(&gateway, &format!("/api/events/{id}/erase"), "{}");
    let answer = ask(&gateway, "", "GET", &format!("/api/events/{id}/body"), "");
    assert_eq!(answer.status, 404);
}

#[test]
fn handlers_show_their_component_and_what_holds_them_back() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    gateway.accepts(&Event::new("test.done", json!({ "do": "done" })));
    gateway.settles();
    let paused = post(&gateway, "/api/handlers/guest/pause", "{\"outbox\": true}");
    assert_eq!(paused["paused"]["outbox"], true);
    let handlers = read(&gateway, "/api/handlers");
    assert_eq!(texts(&handlers, "name"), ["guest"]);
    let guest = &handlers["items"][0];
    assert_eq!(guest["component"], gateway.serves("guest"));
    assert_eq!(guest["breaker"], "closed");
    assert_eq!(guest["paused"]["outbox"], true, "{guest:#}");
    eventually("the outcome is counted", || {
        read(&gateway, "/api/handlers")["items"][0]["outcomes"]["done"] == 1
    });
}

#[test]
fn requests_with_mistakes_are_told() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let status = |method: &str, path: &str, body: &str| {
        let answer = ask(&gateway, "", method, path, body);
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(said["error"].is_string(), "{method} {path}: {said}");
        answer.status
    };
    assert_eq!(status("GET", "/api/nothing", ""), 404);
    assert_eq!(status("GET", "/api/handlers/guest/pause", ""), 405);
    assert_eq!(status("DELETE", "/api/events", ""), 405);
    assert_eq!(status("GET", "/api/state/gu%65st/value", ""), 400);
    assert_eq!(status("GET", "/api/state/%FF", ""), 400);
    assert_eq!(status("POST", "/api/replay", "{"), 400);
    assert_eq!(status("POST", "/api/replay", "[]"), 400);
    assert_eq!(status("POST", "/api/replay", "{\"onto\": \"moon\"}"), 400);
    assert_eq!(status("POST", "/api/handlers/none/pause", ""), 404);
    let long = format!("\"{}\"", "x".repeat(2 << 20));
    assert_eq!(status("POST", "/api/replay", &long), 413);
    // What a form in a browser can send is not taken.
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let headers = [("content-type", kind)];
        let answer = crate::harness::post(gateway.admin, "/api/replay", &headers, b"{}").unwrap();
        assert_eq!(answer.status, 415, "{answer:?}");
    }
}
