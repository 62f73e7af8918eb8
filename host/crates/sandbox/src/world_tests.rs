//! Components of two versions of the world, side by side in one sandbox.

use std::path::Path;
use std::sync::Arc;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::tests::{delivery, guest, marking, sandbox};
use crate::{Component, End, LoadError, Sandbox, StateSource};
use tollgate_ledger::{Delivery, StateWrite};

/// A guest that reads the field which the draft adds, and adds it to a counter. The field comes
/// last in the event's record, at 120.
const NEWER: &str = r#"(module
    (import "tollgate:handler/state@0.2.0" "add"
        (func $add (param i32 i32 i64 i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "runs")
    (global $top (mut i32) (i32.const 4096))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
        (global.set $top (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func (export "handle") (param $event i32) (result i32)
        (call $add (i32.const 64) (i32.const 4)
            (i64.extend_i32_u (i32.load offset=120 (local.get $event))) (i32.const 1100))
        (i32.const 1024)))"#;

/// A module with the draft's world in it, or with another version of the draft.
fn newer(version: &str) -> Vec<u8> {
    let draft = include_str!("v0_2/draft.wit").replace("0.2.0", version);
    let mut module = wat::parse_str(NEWER.replace("0.2.0", version)).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str(Path::new("draft.wit"), &draft).unwrap();
    let world = resolve.select_world(&[package], Some("handler")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

fn run(sandbox: &Sandbox, component: &Component, delivery: &Delivery) -> Vec<(String, StateWrite)> {
    let state = StateSource::Given(Arc::default());
    let mut guest = (*guest()).clone();
    guest.limits.effects = 100;
    let run = sandbox.run(component, &Arc::new(guest), delivery, state);
    assert_eq!(run.end, End::Done);
    run.effects.state
}

#[test]
fn two_versions_of_the_world_are_served_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path());
    let older = sandbox.load(&marking()).unwrap();
    let newer = sandbox.load(&newer("0.2.0")).unwrap();
    for replays in [0, 7] {
        let delivery = Delivery {
            run: replays,
            ..delivery()
        };
        let added = ("runs".to_owned(), StateWrite::Add(i64::from(replays)));
        assert_eq!(run(&sandbox, &newer, &delivery), [added]);
        assert_eq!(run(&sandbox, &older, &delivery), []);
    }
    // Another engine serves both too.
    sandbox.runtime.replace();
    assert_eq!(run(&sandbox, &newer, &delivery()).len(), 1);
    assert_eq!(run(&sandbox, &older, &delivery()), []);
}

#[test]
fn a_version_that_nobody_serves_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let refused = sandbox(folder.path()).load(&newer("0.3.1")).unwrap_err();
    assert!(matches!(&refused, LoadError::Version(version) if version == "0.3.1"));
    let text = refused.to_string();
    let told = "was built against `tollgate:handler@0.3.1`, and this gateway serves 0.1";
    assert!(text.starts_with(told), "{text}");
}
