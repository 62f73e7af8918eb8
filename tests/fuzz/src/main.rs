//! One program for all targets. `TARGET` names the target, `SEEDS` the folder for its seeds.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tollgate_base::json::{self, PointerSet};
use tollgate_fuzz::requests;
use tollgate_scheme::fuzz;

static TARGET: LazyLock<String> =
    LazyLock::new(|| std::env::var("TARGET").expect("TARGET names a target"));

fn begin() {
    if let Some(folder) = std::env::var_os("SEEDS") {
        requests::write_seeds(&TARGET, Path::new(&folder));
    }
}

fuzz_target!(init: begin(), |bytes: &[u8]| match TARGET.as_str() {
    "signatures" => fuzz::signatures(bytes),
    "forms" => fuzz::forms(bytes),
    "xml" => fuzz::xml(bytes),
    "token" => fuzz::token(bytes),
    "pem" => fuzz::pem(bytes),
    "times" => fuzz::times(bytes),
    "template" => fuzz::template(bytes),
    "json" => scan(bytes),
    "verify" => requests::verify(bytes),
    other => panic!("there is no target {other}"),
});

static POINTERS: LazyLock<PointerSet> = LazyLock::new(|| {
    PointerSet::new(&["/id", "/type", "/data/0", "/a~1b/x", "/data/object/id"]).expect("pointers")
});

/// If serde_json reads a value, the scanner finds the same values as serde_json.
fn scan(bytes: &[u8]) {
    let found = json::pluck(bytes, &POINTERS);
    _ = json::items(bytes, "/events");
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let found = found.expect("what serde_json reads is JSON");
    let names = ["/id", "/type", "/data/0", "/a~1b/x", "/data/object/id"];
    for (name, found) in names.iter().zip(found) {
        assert_eq!(value.pointer(name), found.as_ref(), "{name}");
    }
}
