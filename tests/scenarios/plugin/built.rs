//! What goes wrong in a build, and what the user is told to write instead.

use super::TestProject;

#[test]
fn a_handler_that_is_not_exported() {
    let project = TestProject::new("lost", "wat", &[]);
    project.change("handler.wat", "(export \"handle\")", "(export \"handler\")");
    let told = project.build_fails();
    assert!(
        told.contains("the module exports no `handle`, only `memory`, `cabi_realloc`, `handler`")
            && told.contains("help: write `(func (export \"handle\")"),
        "{told}"
    );
}

#[test]
fn a_handler_without_an_entry_in_rust() {
    let project = TestProject::new("lost", "rust", &[]);
    project.change("src/lib.rs", "tollgate_handler::handler!(handle);", "");
    let told = project.build_fails();
    assert!(
        told.contains("exports no `handle`")
            && told.contains("`tollgate_handler::handler!(handle);`"),
        "{told}"
    );
}

#[test]
fn a_crate_that_is_no_cdylib() {
    let project = TestProject::new("lost", "rust", &[]);
    project.change("Cargo.toml", "[lib]\ncrate-type = [\"cdylib\"]\n", "");
    let told = project.build_fails();
    assert!(told.contains("crate-type = [\"cdylib\"]"), "{told}");
}

#[test]
fn a_text_with_a_mistake_shows_its_place() {
    let project = TestProject::new("wrong", "wat", &[]);
    project.change("handler.wat", "call $state_add", "call $state_ad");
    let told = project.build_fails();
    assert!(
        told.contains("unknown func") && told.contains("handler.wat:"),
        "{told}"
    );
}

#[test]
fn a_program_is_no_handler() {
    let project = TestProject::new("program", "wat", &[]);
    project.change(
        "handler.wat",
        "(memory (export",
        "(func (export \"_start\"))\n(memory (export",
    );
    let told = project.build_fails();
    assert!(
        told.contains("`_start`") && told.contains("-mexec-model=reactor"),
        "{told}"
    );
}

#[test]
fn a_fixture_that_fails_shows_what_differs() {
    let project = TestProject::new("differs", "wat", &[]);
    project.change("fixtures/counted.json", "\"events\": 1", "\"events\": 2");
    let told = project.build_fails();
    assert!(
        told.contains("fixtures/counted.json")
            && told.contains("state `events`\n        expected 2\n        found    raised by 1")
            && told.contains("1 of 2 fixtures failed"),
        "{told}"
    );
    // The fixtures then expect what the handler does.
    let updated = project.plugin(&["test", "--update"]);
    assert_eq!(updated.code, 0, "{updated:?}");
    assert_eq!(project.plugin(&["build"]).code, 0);
}

#[test]
fn another_command_builds_a_project() {
    let project = TestProject::new("custom", "wat", &[]);
    project.change(
        "plugin.toml",
        "language = \"wat\"",
        "build = \"cp handler.wat built.wat\"\noutput = \"built.wat\"",
    );
    // The output is text, and no WebAssembly.
    let told = project.build_fails();
    assert!(told.contains("is not WebAssembly"), "{told}");
    project.change(
        "plugin.toml",
        "output = \"built.wat\"",
        "output = \"other\"",
    );
    let told = project.build_fails();
    assert!(
        told.contains("left no other") && told.contains("`output`"),
        "{told}"
    );
}

#[test]
fn a_folder_that_is_no_project_is_told() {
    let project = TestProject::new("none", "wat", &[]);
    project.write("plugin.toml", "name = \"none\"\nlanguage = \"rustt\"\n");
    let told = project.build_fails();
    assert!(told.contains("did you mean `rust`?"), "{told}");
    std::fs::remove_file(project.path("plugin.toml")).unwrap();
    std::fs::remove_file(project.path("handler.wat")).unwrap();
    let told = project.build_fails();
    assert!(told.contains("no project of a handler"), "{told}");
}

#[test]
fn a_project_may_be_for_another_event() {
    let from = ["--from", "stripe:charge.refunded"];
    let project = TestProject::new("refunds", "wat", &from);
    let text = std::fs::read_to_string(project.path("event.json")).unwrap();
    assert!(text.contains("\"charge.refunded\"") && text.contains("\"amount_refunded\""));
    assert!(project.tests_well().contains("charge.refunded -> done"));
    let unknown = project.plugin(&[
        "new",
        "x",
        "--lang",
        "wat",
        "--from",
        "stripe:charge.refund",
    ]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(
        unknown
            .stderr
            .contains("did you mean `stripe:charge.refunded`?")
            && unknown.stderr.contains("\n  stripe:invoice.paid\n"),
        "{unknown:?}"
    );
}

#[test]
fn steps_see_the_state_of_the_steps_before() {
    let project = TestProject::new("steps", "wat", &[]);
    let step = |expect: &str| {
        format!(r#"{{"event":{{"kind":"a","payload":1}},"expect":{{"outcome":"done",{expect}}}}}"#)
    };
    let (first, second) = (
        step(r#""state_after":{"events":41}"#),
        step(r#""state_after":{"events":42},"logs":["counted"]"#),
    );
    let fixture = format!(r#"{{"state":{{"events":40}},"steps":[{first},{second}]}}"#);
    project.write("fixtures/steps.json", &fixture);
    project.tests_well();
    project.write("fixtures/steps.json", &fixture.replace("42", "43"));
    let told = project.build_fails();
    assert!(
        told.contains("state `events` after the run\n        expected 43\n        found    42"),
        "{told}"
    );
}

#[test]
fn a_missing_tool_is_named_with_its_command() {
    let project = TestProject::new("tools", "c", &[]);
    // Only the shell's own folder, which has no compiler.
    let ended = project.plugin_with_path("/nonexistent", &["build"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("clang-19 is missing: it compiles handlers in C")
            && ended.stderr.contains("help: install clang 18 or newer"),
        "{ended:?}"
    );
}

#[test]
fn core_modules_are_merged_unless_the_project_says_otherwise() {
    let project = TestProject::new("merged", "wat", &[]);
    let modules = || {
        assert_eq!(project.plugin(&["build"]).code, 0);
        let shown = project.plugin(&["inspect", "target/merged.wasm", "--json"]);
        let facts: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
        facts["core_modules"].as_u64().unwrap()
    };
    let merged = modules();
    project.change(
        "plugin.toml",
        "language = \"wat\"",
        "language = \"wat\"\nmerge = false",
    );
    let unmerged = modules();
    // The handler and the module through which it calls the gateway are one.
    assert_eq!((merged, unmerged), (2, 3));
}

#[test]
fn a_build_that_fails_leaves_the_component_of_the_last_good_one() {
    let project = TestProject::new("kept", "wat", &[]);
    assert_eq!(project.plugin(&["build"]).code, 0);
    let good = std::fs::read(project.component()).unwrap();
    // Builds, and does not do what the fixtures expect.
    project.change("handler.wat", "(i64.const 1)", "(i64.const 2)");
    project.build_fails();
    assert_eq!(std::fs::read(project.component()).unwrap(), good);
    // A test is no build.
    assert_eq!(project.plugin(&["test", "--update"]).code, 0);
    assert_eq!(std::fs::read(project.component()).unwrap(), good);
    assert_eq!(project.plugin(&["build"]).code, 0);
    assert_ne!(std::fs::read(project.component()).unwrap(), good);
}

#[test]
fn an_output_needs_a_command() {
    let project = TestProject::new("aimless", "wat", &[]);
    project.change("plugin.toml", "language = \"wat\"", "output = \"x.wasm\"");
    let told = project.build_fails();
    assert!(
        told.contains("`output` is for a project with `build`"),
        "{told}"
    );
}

#[test]
fn an_expectation_that_nobody_can_want_is_not_written() {
    let project = TestProject::new("broken", "wat", &[]);
    let fixture = "fixtures/counted.json";
    let before = std::fs::read_to_string(project.path(fixture)).unwrap();
    project.change(
        "handler.wat",
        "(call $state_add (i32.const 0)",
        "(unreachable) (call $state_add (i32.const 0)",
    );
    let updated = project.plugin(&["test", "--update"]);
    assert_eq!(updated.code, 1, "{updated:?}");
    assert!(
        updated
            .stderr
            .contains("counted.json is not updated: the run broke off"),
        "{updated:?}"
    );
    assert_eq!(
        std::fs::read_to_string(project.path(fixture)).unwrap(),
        before
    );
    project.change(fixture, "\"outcome\": \"done\"", "\"outcome\": \"ok\"");
    let told = project.build_fails();
    assert!(
        told.contains("`ok` is no outcome: write one of done, ignored"),
        "{told}"
    );
}
