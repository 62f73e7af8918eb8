//! One suite of fixtures against the fulfillment handler in Rust, TypeScript and Python. Bodies,
//! payloads and values of the state are texts in the fixtures: their very bytes count.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs the suite against an implementation, and returns what it did in each step.
#[track_caller]
fn did(implementation: &str) -> Vec<(String, Value)> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let tested = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["plugin", "test", "--json", implementation])
        .current_dir(plugins)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success(), "{implementation}: {said}");
    let all: Value = serde_json::from_slice(&tested.stdout).unwrap();
    let fixtures = all.as_array().unwrap().iter();
    let steps = fixtures.flat_map(|fixture| {
        let file = fixture["fixture"].as_str().unwrap();
        let name = file.rsplit('/').next().unwrap().to_owned();
        let steps = fixture["steps"].as_array().unwrap().iter();
        steps.map(move |step| (name.clone(), step["did"].clone()))
    });
    steps.collect()
}

/// What must agree: everything but the reasons of rejections, which are each language's own.
fn agreed(mut did: Vec<(String, Value)>) -> Vec<(String, Value)> {
    for (_, step) in &mut did {
        if step["outcome"] == "reject" {
            step.as_object_mut().unwrap().remove("reason");
        }
    }
    did
}

#[test]
fn the_implementations_agree() {
    let rust = agreed(did("fulfillment"));
    assert!(rust.len() > 40, "{}", rust.len());
    for other in ["fulfillment-ts", "fulfillment-py"] {
        for (ours, theirs) in rust.iter().zip(agreed(did(other))) {
            assert_eq!(*ours, theirs, "{other}");
        }
    }
}
