//! Mistakes in AssemblyScript, and what the user is told. npm fetches the compiler, so these run by
//! `make test-languages` alone.

use super::served::{self, payments_were_told};
use super::{TestProject, has_extra};

/// Whether the languages are asked for whose compilers npm fetches.
fn asked_for() -> bool {
    has_extra("npm", "handlers in AssemblyScript")
}

fn handler(body: &str) -> Option<TestProject> {
    if !asked_for() {
        return None;
    }
    let text = format!(
        "import {{ Event, Result, done, ignored, json, log, state }} from \"./sdk\";\n\
         export function onEvent(event: Event): Result {{\n{body}\n}}\n"
    );
    Some(TestProject::mistaken("assemblyscript", "handler.ts", &text))
}

#[test]
fn a_project_is_served() {
    if asked_for() {
        let served = served::made_and_served("assemblyscript");
        payments_were_told(&served);
    }
}

#[test]
fn what_is_thrown_reaches_the_attempt() {
    let body = "if (event.payload.length > 0) throw new Error(\"no stock\");\nreturn done();";
    let Some(project) = handler(body) else { return };
    let told = project.build_fails();
    assert!(told.contains("`trap` (no stock at handler.ts:3:"), "{told}");
}

#[test]
fn an_error_that_nobody_looks_at_is_no_success() {
    let Some(project) = handler("state.add(\"\", 1); return done();") else {
        return;
    };
    let told = project.build_fails();
    assert!(
        told.contains("`reject` (state.add : a key has 1 to 512 bytes)"),
        "{told}"
    );
}

#[test]
fn imports_that_nobody_supplies_are_told() {
    let Some(project) = handler("return ignored(Date.now().toString());") else {
        return;
    };
    let told = project.build_fails();
    assert!(
        told.contains("`Date.now` from `env`") && told.contains("receivedMs"),
        "{told}"
    );
}

#[test]
fn a_handler_with_another_name_is_not_found() {
    let Some(project) = handler("return done();") else {
        return;
    };
    project.change("handler.ts", "onEvent", "onevent");
    let told = project.build_fails();
    assert!(
        told.contains("`export function onEvent(event: Event): Result"),
        "{told}"
    );
}

#[test]
fn integers_are_exact() {
    let body = r#"
    if (json.integer(event.payload, "/big") != i64.MAX_VALUE) return ignored("big");
    if (json.isInteger(event.payload, "/over")) return ignored("over");
    if (json.isInteger(event.payload, "/half")) return ignored("half");
    const text = json.text(event.payload, "/list/1/a~1b");
    if (text == null || text != "é\n😀") return ignored("text");
    log.info("all " + json.quoted(text));
    return done();"#;
    let Some(project) = handler(body) else { return };
    let payload = r#"{"big": 9223372036854775807, "over": 9223372036854775808, "half": 1.5,
        "list": [{"x": []}, {"a/b": "\u00e9\n\ud83d\ude00"}]}"#;
    let fixture = serde_json::json!({
        "event": { "kind": "a", "payload": payload },
        "expect": { "outcome": "done", "logs": ["all \"é\\u000a😀\""] },
    });
    project.write("fixtures/told.json", &fixture.to_string());
    project.tests_well();
}
