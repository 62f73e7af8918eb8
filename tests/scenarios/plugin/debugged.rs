//! A debugger's view: the calls of a run, a core dump of a trap, a profile.

use std::fs;

use serde_json::Value;

use super::TestProject;

#[test]
fn a_run_shows_its_calls_and_leaves_a_dump_and_a_profile() {
    let project = TestProject::new("counts", "wat", &[]);
    let seen = project.plugin(&["test", "--debug"]);
    assert_eq!(seen.code, 0, "{seen:?}");
    for part in [
        "state.add {\"delta\":1,\"key\":\"events\"}",
        "-> {\"ok\":null}",
        "log.log",
    ] {
        assert!(seen.stdout.contains(part), "{part}: {seen:?}");
    }
    let plain = project.plugin(&["test"]);
    assert!(!plain.stdout.contains("state.add"), "{plain:?}");
    let json = project.plugin(&["test", "--debug", "--json"]);
    let fixtures: Value = serde_json::from_str(&json.stdout).unwrap();
    let calls = fixtures
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|fixture| fixture["steps"].as_array().unwrap())
        .flat_map(|step| step["calls"].as_array().unwrap());
    assert!(
        calls.clone().any(|call| call["name"] == "state.add"),
        "{json:?}"
    );

    let profiled = project.plugin(&["test", "--profile", "profile.json", "--runs", "50"]);
    assert_eq!(profiled.code, 0, "{profiled:?}");
    let profile = fs::read(project.path("profile.json")).unwrap();
    let profile: Value = serde_json::from_slice(&profile).unwrap();
    assert!(profile["threads"].is_array(), "the profiler's form");

    let source = project.path("handler.wat");
    let text = fs::read_to_string(&source).unwrap();
    let begin = "(func (export \"handle\") (param $event i32) (result i32)";
    assert!(text.contains(begin), "{text}");
    fs::write(
        &source,
        text.replace(begin, &format!("{begin}\n    (unreachable)")),
    )
    .unwrap();
    let trapped = project.plugin(&["test", "--core-dump", "core.wasm"]);
    assert_eq!(trapped.code, 1, "{trapped:?}");
    let core = fs::read(project.path("core.wasm")).unwrap();
    assert!(core.starts_with(b"\0asm"), "a WebAssembly file");
    let has = |name: &[u8]| core.windows(name.len()).any(|bytes| bytes == name);
    assert!(has(b"corestack") && has(b"coreinstances"));
}
