//! One suite of fixtures against the same handler in several languages: fulfillment in Rust,
//! TypeScript and Python, dunning in Rust and Go, a filter in six more languages. Bodies, payloads
//! and values of the state are texts in the fixtures: their very bytes count.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::project::path;
use super::{all_languages, has};

/// What a handler did in each step: the name of the fixture, and the outcome with the effects.
type Did = Vec<(String, Value)>;

/// The folder of the handlers.
fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins")
}

/// Runs `tollgate plugin` with these arguments, and returns what it prints.
#[track_caller]
fn plugin(arguments: &[&str]) -> Vec<u8> {
    let ended = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("plugin")
        .args(arguments)
        .current_dir(plugins())
        .env("PATH", path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    let shown = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{arguments:?}: {said}\n{shown}");
    ended.stdout
}

/// Runs `tollgate plugin test` with these arguments. All fixtures must pass.
///
/// What is returned must agree: everything but the reasons of rejections, which are each language's
/// own.
#[track_caller]
fn did(arguments: &[&str]) -> Did {
    let shown = plugin(&[&["test", "--json"], arguments].concat());
    let all: Value = serde_json::from_slice(&shown).unwrap();
    let fixtures = all.as_array().unwrap().iter();
    fixtures.flat_map(steps).collect()
}

/// What the handler did in each step of a fixture.
fn steps(fixture: &Value) -> Did {
    let file = fixture["fixture"].as_str().unwrap();
    let name = file.rsplit('/').next().unwrap();
    let steps = fixture["steps"].as_array().unwrap().iter();
    let steps = steps.map(|step| {
        let mut did = step["did"].clone();
        if did["outcome"] == "reject" {
            did.as_object_mut().unwrap().remove("reason");
        }
        (name.to_owned(), did)
    });
    steps.collect()
}

#[track_caller]
fn assert_same(rust: &Did, other: &Did, implementation: &str) {
    for (ours, theirs) in rust.iter().zip(other) {
        assert_eq!(ours, theirs, "{implementation}");
    }
    assert_eq!(rust.len(), other.len(), "{implementation}");
}

#[test]
fn fulfillment_is_the_same_in_rust_typescript_and_python() {
    let rust = did(&["fulfillment"]);
    assert!(rust.len() > 40, "{}", rust.len());
    for other in ["fulfillment-ts", "fulfillment-py"] {
        assert_same(&rust, &did(&[other]), other);
    }
}

/// The handler of docs/migrating-from-express.md. That it does what the switch did, its own test in
/// Node says.
#[test]
fn the_handler_in_the_place_of_an_express_route_passes_its_fixtures() {
    let did = did(&["../examples/from-express/handler"]);
    assert_eq!(did.len(), 3, "{did:?}");
}

/// What an implementation of dunning did, with the settings of its project and with each of those
/// in `dunning/configs.toml`.
#[track_caller]
fn dunning(implementation: &str) -> Did {
    plugin(&["build", implementation]);
    let mut all = did(&[implementation]);
    let component = format!("{implementation}/target/{implementation}.wasm");
    for config in configs() {
        let settings = ["--manifest", "dunning/configs.toml", "--handler", &*config];
        all.extend(did(&[&[&*component], &settings[..]].concat()));
    }
    all
}

/// The names of the handlers in `dunning/configs.toml`. The fixture of each has the same name.
fn configs() -> Vec<String> {
    let files = fs::read_dir(plugins().join("dunning/fixtures/configs")).unwrap();
    let names = files.map(|file| {
        let path = file.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn dunning_is_the_same_in_rust_and_go() {
    let rust = dunning("dunning");
    assert!(rust.len() > 300, "{}", rust.len());
    if has("go", "dunning in Go") {
        assert_same(&rust, &dunning("dunning-go"), "dunning-go");
    }
}

/// The implementations of the filter, each with the program that it needs. Those whose compiler
/// takes long, or that npm fetches, run by `make test-languages` alone.
const FILTERS: [(&str, Option<&str>, bool); 6] = [
    ("wat", None, false),
    ("c", Some("clang-19"), false),
    ("d", Some("ldc2"), true),
    ("nim", Some("nim"), true),
    ("zig", Some("zig"), true),
    ("assemblyscript", Some("npm"), true),
];

#[test]
fn the_filter_is_the_same_in_six_languages() {
    let mut first: Option<Did> = None;
    for (language, program, is_extra) in FILTERS {
        let lacks = |program| !has(program, &format!("the filter in {language}"));
        if is_extra && !all_languages() || program.is_some_and(lacks) {
            continue;
        }
        let did = did(&[&format!("filter/{language}")]);
        match &first {
            None => first = Some(did),
            Some(first) => assert_same(first, &did, language),
        }
    }
    assert!(first.is_some_and(|did| did.len() > 10));
}
