//! Runs of a guest that looks for what an earlier guest has left.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::engine::EngineOptions;
use crate::runtime::Runtime;
use crate::{CompileIn, Component, End, Guest, Limits, Sandbox, SandboxOptions, StateSource};
use tollgate_base::event::{Event, EventId, HandlerName, Headers, SourceName};
use tollgate_base::time::WallTime;
use tollgate_ledger::{Delivery, DeliveryId};

/// A guest that traps if a global, a table or its memory is not as the module says, and then leaves
/// a mark in each. The memory is marked in its first page, where the module has data, in pages
/// beyond, and in memory that the guest adds. The answer is `done`: zeros at 1,024.
const MARKING: &str = r#"(module
    (memory (export "memory") 24)
    (data (i32.const 4096) "data")
    (global $mark (mut i32) (i32.const 7))
    (global $top (mut i32) (i32.const 1048576))
    (table $table 40 funcref)
    (elem declare func $some)
    (func $some)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
        (global.set $top (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func $expect (param i32 i32)
        (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
    (func (export "handle") (param i32) (result i32)
        (local $at i32)
        (call $expect (global.get $mark) (i32.const 7))
        (call $expect (i32.load (i32.const 4096)) (i32.const 0x61746164))
        (call $expect (ref.is_null (table.get $table (i32.const 33))) (i32.const 1))
        (call $expect (table.size $table) (i32.const 40))
        (call $expect (memory.size) (i32.const 24))
        (drop (memory.grow (i32.const 8)))
        (drop (table.grow $table (ref.func $some) (i32.const 10)))
        (local.set $at (i32.const 8192))
        (loop $pages
            (call $expect (i32.load (local.get $at)) (i32.const 0))
            (i32.store (local.get $at) (i32.const -1))
            (local.set $at (i32.add (local.get $at) (i32.const 73728)))
            (br_if $pages (i32.lt_u (local.get $at) (i32.const 900000))))
        (local.set $at (i32.const 1200000))
        (loop $far
            (call $expect (i32.load (local.get $at)) (i32.const 0))
            (i32.store (local.get $at) (i32.const -1))
            (local.set $at (i32.add (local.get $at) (i32.const 120000)))
            (br_if $far (i32.lt_u (local.get $at) (i32.const 2000000))))
        (i32.store (i32.const 4096) (i32.const -1))
        (global.set $mark (i32.const 8))
        (table.set $table (i32.const 33) (ref.func $some))
        (i32.const 1024)))"#;

pub(crate) fn marking() -> Vec<u8> {
    embedded(MARKING)
}

/// A module with the gateway's world in it.
fn embedded(text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../wit");
    let (package, _) = resolve.push_dir(folder).unwrap();
    let world = resolve.select_world(&[package], Some("handler")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

pub(crate) fn guest() -> Arc<Guest> {
    Arc::new(Guest {
        name: HandlerName::new("guest"),
        config: BTreeMap::new(),
        limits: Limits {
            timeout: Duration::from_secs(10),
            memory: 16 << 20,
            tables: 1000,
            output: 0,
            logs: 0,
            calls: 10,
            effects: 0,
            response: 0,
            requests: 0,
        },
        grants: Vec::new(),
    })
}

pub(crate) fn delivery() -> Delivery {
    Delivery {
        id: DeliveryId(1),
        handler: HandlerName::new("guest"),
        resolved: None,
        event: Arc::new(Event {
            id: EventId::derived(WallTime::EPOCH, b"event"),
            source: SourceName::new("source"),
            provider_id: None,
            kind: "kind".to_owned(),
            subject: None,
            account: None,
            created: None,
            received: WallTime::EPOCH,
            headers: Headers::default(),
            metadata: Vec::new(),
            depth: 0,
            payload: Bytes::from_static(b"{}"),
        }),
        attempts: 0,
        uncounted: 0,
        run: 0,
        keys: 0,
        component: None,
        answers: None,
        crashes: 0,
        key: None,
        since: WallTime::EPOCH,
    }
}

pub(crate) fn sandbox(folder: &Path) -> Sandbox {
    Sandbox::new(&SandboxOptions {
        cache: Some(folder.to_owned()),
        second_cache: None,
        instances: 2,
        compile_in: CompileIn::ThisProcess,
    })
    .unwrap()
}

/// Runs the guest so often; each run must find nothing of an earlier one.
#[track_caller]
fn finds_nothing(sandbox: &Sandbox, component: &Component, runs: usize) {
    let (guest, delivery) = (guest(), delivery());
    for run in 0..runs {
        let state = StateSource::Given(Arc::default());
        let end = sandbox.run(component, &guest, &delivery, state).end;
        assert_eq!(end, End::Done, "run {run}");
    }
}

#[test]
fn nothing_of_a_guest_is_found_by_ten_thousand_later_runs() {
    let folder = tempfile::tempdir().unwrap();
    for scan in [true, false] {
        let sandbox = sandbox(folder.path());
        let options = EngineOptions {
            instances: 2,
            scan,
            core_dumps: false,
        };
        *sandbox.runtime.current.write() = Arc::new(Runtime::new(options).unwrap());
        let component = sandbox.load(&marking()).unwrap();
        finds_nothing(&sandbox, &component, 10_000);
    }
}

#[test]
fn a_component_runs_on_when_another_engine_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path());
    let component = sandbox.load(&marking()).unwrap();
    finds_nothing(&sandbox, &component, 3);
    assert!(sandbox.moved(&component).is_none(), "it runs as it is");
    sandbox.runtime.replace();
    let moved = sandbox.moved(&component).expect("another engine");
    assert!(!Arc::ptr_eq(&moved.running, &component.running));
    assert_eq!(moved.digest(), component.digest());
    finds_nothing(&sandbox, &component, 3);
    assert!(Arc::ptr_eq(&moved, &sandbox.moved(&component).unwrap()));
    let loaded = sandbox.load(&marking()).unwrap();
    assert!(
        sandbox.moved(&loaded).is_none(),
        "new loads are for the new engine"
    );
}

#[test]
fn without_the_compiled_code_runs_go_on_in_the_earlier_engine() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path());
    let component = sandbox.load(&marking()).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    sandbox.runtime.replace();
    assert!(sandbox.moved(&component).is_none());
    finds_nothing(&sandbox, &component, 3);
}

#[test]
fn code_of_the_second_cache_is_copied_if_it_is_whole() {
    let [own, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let no_compiler = || {
        Sandbox::new(&SandboxOptions {
            cache: Some(own.path().to_owned()),
            second_cache: Some(second.path().to_owned()),
            instances: 2,
            compile_in: CompileIn::Child {
                program: "/bin/false".into(),
                arguments: Vec::new(),
            },
        })
        .unwrap()
    };
    assert!(
        no_compiler().load(&marking()).is_err(),
        "nothing is compiled yet"
    );
    sandbox(second.path()).load(&marking()).unwrap();
    let code = std::fs::read_dir(second.path()).unwrap();
    let mut code = code.map(|entry| entry.unwrap().path());
    let code = code.find(|path| path.extension().is_some_and(|end| end == "cwasm"));
    let code = code.unwrap();
    let whole = std::fs::read(&code).unwrap();
    std::fs::write(&code, &whole[1..]).unwrap();
    assert!(
        no_compiler().load(&marking()).is_err(),
        "the code is damaged"
    );
    std::fs::write(&code, whole).unwrap();
    let sandbox = no_compiler();
    finds_nothing(&sandbox, &sandbox.load(&marking()).unwrap(), 3);
    std::fs::remove_dir_all(second.path()).unwrap();
    no_compiler().load(&marking()).expect("the copy stays");
}

/// A guest that asks for its configuration, adds to a counter in vain (its effects have no room),
/// and traps in a function of a name.
const TALKING: &str = r#"(module
    (import "tollgate:handler/config@0.1.0" "get"
        (func $config (param i32 i32 i32)))
    (import "tollgate:handler/state@0.1.0" "add"
        (func $add (param i32 i32 i64 i32)))
    (memory (export "memory") 2)
    (data (i32.const 16) "color")
    (global $top (mut i32) (i32.const 8192))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
        (global.set $top (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func $fall (local i32)
        (loop $again
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get 0) (i32.const 3000000))))
        (i32.store (i32.const 4096) (i32.const 0x6e65646c))
        unreachable)
    (func (export "handle") (param i32) (result i32)
        (call $config (i32.const 16) (i32.const 5) (i32.const 512))
        (call $add (i32.const 16) (i32.const 5) (i64.const -3) (i32.const 544))
        (call $fall)
        (i32.const 1024)))"#;

fn for_debugging() -> Sandbox {
    Sandbox::for_debugging(&SandboxOptions {
        cache: None,
        second_cache: None,
        instances: 1,
        compile_in: CompileIn::ThisProcess,
    })
    .unwrap()
}

fn no_state() -> StateSource {
    StateSource::Given(Arc::default())
}

#[test]
fn a_traced_run_tells_each_call_with_its_result() {
    let sandbox = for_debugging();
    let component = sandbox.load(&embedded(TALKING)).unwrap();
    let run = sandbox.run_traced(&component, &guest(), &delivery(), no_state());
    let seen: Vec<_> = run
        .trace
        .iter()
        .map(|call| (call.name, call.arguments.clone(), call.result.clone()))
        .collect();
    let expected = [
        ("config.get", json!({ "key": "color" }), json!(null)),
        (
            "state.add",
            json!({ "key": "color", "delta": -3 }),
            json!({ "error": "Error::TooLarge" }),
        ),
    ];
    assert_eq!(seen, expected);
    assert!(run.trace[0].at_us <= run.trace[1].at_us);
    let plain = sandbox.run(&component, &guest(), &delivery(), no_state());
    assert!(plain.trace.is_empty(), "nobody asked");
}

#[test]
fn a_trap_leaves_a_core_dump_with_the_memory() {
    let sandbox = for_debugging();
    let component = sandbox.load(&embedded(TALKING)).unwrap();
    let run = sandbox.run(&component, &guest(), &delivery(), no_state());
    assert!(matches!(run.end, End::Trap(_)), "{:?}", run.end);
    let core = run.core.unwrap();
    let sections: Vec<_> = wasmparser::Parser::new(0)
        .parse_all(&core)
        .filter_map(|payload| match payload.unwrap() {
            wasmparser::Payload::CustomSection(section) => Some(section.name().to_owned()),
            _ => None,
        })
        .collect();
    for name in ["core", "coreinstances", "corestack"] {
        assert!(
            sections.iter().any(|section| section == name),
            "{sections:?}"
        );
    }
    let marks = core.windows(4).filter(|four| *four == b"lden").count();
    assert!(marks > 0, "the guest's memory is in it");
    // An ordinary sandbox copies nothing.
    let folder = tempfile::tempdir().unwrap();
    let ordinary = super::tests::sandbox(folder.path());
    let component = ordinary.load(&embedded(TALKING)).unwrap();
    let run = ordinary.run(&component, &guest(), &delivery(), no_state());
    assert_eq!(run.core, None);
}

#[test]
fn a_profile_names_the_functions_of_the_guest() {
    let sandbox = for_debugging();
    let component = sandbox.load(&embedded(TALKING)).unwrap();
    let state = || no_state().into();
    let (last, json) = sandbox
        .profile(&component, &guest(), &delivery(), &state, 20)
        .unwrap();
    assert!(matches!(last.end, End::Trap(_)), "{:?}", last.end);
    let profile: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let thread = &profile["threads"][0];
    assert!(thread["samples"]["length"].as_u64().unwrap() > 0);
    let text = String::from_utf8(json).unwrap();
    assert!(text.contains("fall"), "a function's name");
}
