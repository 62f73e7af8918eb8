//! `tollgate plugin inspect` tells what is in a file, and why the gateway would not take it.

use std::fs;

use serde_json::Value;

use super::TestProject;
use crate::harness::{component, digest};

/// Inspects the bytes of a file. Returns the exit code, the text and the JSON.
fn inspect(bytes: &[u8]) -> (i32, String, Value) {
    let project = TestProject::new("any", "wat", &[]);
    fs::write(project.path("file.wasm"), bytes).unwrap();
    let text = project.plugin(&["inspect", "file.wasm"]);
    let json = project.plugin(&["inspect", "file.wasm", "--json"]);
    assert_eq!(text.code, json.code);
    (
        text.code,
        text.stdout,
        serde_json::from_str(&json.stdout).unwrap(),
    )
}

fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn a_handler_of_this_repository() {
    let bytes = component("fulfillment");
    let (code, text, json) = inspect(&bytes);
    assert_eq!(code, 0, "{text}");
    assert_eq!(json["sha256"], digest(&bytes));
    assert_eq!(json["interface"], "0.1.0");
    let uses = json["uses"].as_array().unwrap();
    assert!(
        uses.contains(&"outbox".into()) && uses.contains(&"config".into()),
        "{json}"
    );
    assert!(
        json["grants"]["outbox"].as_str().unwrap().contains("allow"),
        "{json}"
    );
    assert!(json["memory_bytes"].as_u64().unwrap() >= json["least_memory_bytes"].as_u64().unwrap());
    assert!(text.contains("the gateway takes it"), "{text}");
}

#[test]
fn what_is_not_supported_is_named_with_the_way_out() {
    let handle = r#"(func (export "handle") (param i32) (result i32) i32.const 0)"#;
    for (text, what, help) in [
        (
            format!("(module {handle})"),
            "no `component-type` section",
            "wasm-tools component embed",
        ),
        (
            format!(r#"(module (import "env" "abort" (func (param i32 i32 i32 i32))) {handle})"#),
            "imports `abort` from `env`",
            "link what defines it",
        ),
        (
            format!(r#"(module (func (export "_start")) {handle})"#),
            "exports `_start`",
            "-mexec-model=reactor",
        ),
        (
            r#"(module (func (export "[async-lift]handle") (param i32) (result i32) i32.const 0))"#
                .to_owned(),
            "async function",
            "handle",
        ),
    ] {
        let (code, shown, json) = inspect(&module(&text));
        assert_eq!(code, 1, "{shown}");
        assert!(json["refused"].as_str().unwrap().contains(what), "{json}");
        assert!(json["help"].as_str().unwrap().contains(help), "{json}");
    }
    for (text, feature) in [
        (format!("(module (tag) {handle})"), "exceptions"),
        (format!("(module (memory 1 1 shared) {handle})"), "threads"),
        (
            format!("(module (type (struct (field i32))) {handle})"),
            "garbage collection",
        ),
    ] {
        let (_, shown, json) = inspect(&module(&text));
        assert_eq!(json["unsupported"][0]["name"], feature, "{json}");
        assert!(shown.contains("instead: "), "{shown}");
    }
}
