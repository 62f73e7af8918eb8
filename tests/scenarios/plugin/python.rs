//! Projects in Python: what goes wrong in them, and what the user is told.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::served::{made_and_served, payments_were_told};
use super::{Case, TestProject};

#[test]
fn python() {
    let served = made_and_served("python");
    payments_were_told(&served);
}

/// Handlers that must not be built, and a part of what the user is told.
const UNBUILDABLE: [(&str, &str); 7] = [
    (
        "def handle(event):\n    return None\n",
        "handler.py has no handler. Write `@handler`",
    ),
    (
        "from tollgate_handler import handler\n\n\n@handler\nasync def handle(event):\n    pass\n",
        "handle is an `async def`: a handler has nothing to wait for. Write `def`",
    ),
    (
        "import ssl\n",
        "a component has no module _ssl: requests go out after the commit",
    ),
    (
        "import requests\n",
        "there is no module requests. If PyPI has it, add it to requirements.txt",
    ),
    (
        "from tollgate_handler import state\n\nstate.get(\"a\")\n",
        "there is no gateway here (state_get)",
    ),
    ("def f(:\n", "SyntaxError: invalid syntax"),
    (
        "x = {}\ny = x[\"id\"]\n",
        "File \"handler.py\", line 2, in <module>\n    y = x[\"id\"]",
    ),
];

#[test]
fn a_handler_that_cannot_work_is_not_built() {
    let project = TestProject::new("mistaken", "python", &[]);
    project.builds_none("handler.py", &UNBUILDABLE);
}

#[test]
fn the_build_takes_nothing_of_the_hosts_python() {
    let project = TestProject::new("clean", "python", &[]);
    // A package that every environment has, and that the component must not find.
    project.write("handler.py", "import pip\n");
    let said = project.build_fails();
    assert!(said.contains("there is no module pip"), "{said}");
    project.write("requirements.txt", "numpy\n");
    let said = project.build_fails();
    assert!(said.contains("packages in pure Python alone"), "{said}");
}

/// Traps by their event types, with the reason of the attempt.
const TRAPS: [(&str, &str); 16] = [
    (
        "none",
        "TypeError: the handler returned None. Write `return done()`",
    ),
    (
        "text",
        "the handler returned the text 'done'. Write `return done()`",
    ),
    ("err", "the handler returned an Err. Write `raise Err("),
    (
        "failure",
        "the handler returned a Reject. Write `raise Reject(",
    ),
    (
        "class",
        "the handler returned the class Retry. Write `raise Retry(",
    ),
    ("missing", "KeyError: 'data', handler.py:19"),
    (
        "divided",
        "ZeroDivisionError: division by zero, handler.py:33",
    ),
    (
        "exits",
        "SystemExit: 3: a handler does not exit. Raise Retry or Reject, handler.py:47",
    ),
    (
        "float",
        "the delta is a whole number from -9223372036854775808 to",
    ),
    (
        "huge",
        "9223372036854775807, not 9223372036854775808, handler.py:36",
    ),
    (
        "number",
        "the value is bytes, a bytearray or a text (str), not the int 7",
    ),
    ("key", "the key is a text (str), not a bytes"),
    ("body", "json is no JSON: Out of range float values"),
    ("surrogate", "half a surrogate pair"),
    (
        "import",
        "ModuleNotFoundError: No module named 'wave', handler.py:41",
    ),
    ("deep", "RecursionError: maximum recursion depth exceeded"),
];

#[test]
fn mistakes_while_an_event_is_handled() {
    let project = TestProject::new("mistakes", "python", &[]);
    project.write("handler.py", include_str!("mistakes/handler.py"));
    project.give_time();
    let mut cases: Vec<Case> = TRAPS
        .iter()
        .map(|(kind, reason)| Case::new(kind, json!({}), trap(reason)))
        .collect();
    cases.extend(right());
    project.replace_fixtures(&cases);
    let built = project.plugin(&["build"]);
    assert_eq!(built.code, 0, "{built:?}");
    let warning = "handler.py:76: `import colorsys` is inside a function";
    assert!(built.stderr.contains(warning), "{built:?}");
    let logs = project.logs();
    let (first, second) = (&logs["chance"], &logs["chance-again"]);
    let part = |log: &str, from: &str| log[log.find(from).unwrap()..].to_owned();
    assert_ne!(first, second);
    // A generator that the handler seeded itself keeps its seed.
    assert_eq!(part(first, "seeded"), part(second, "seeded"));
}

fn trap(reason: &str) -> Value {
    json!({"outcome": "trap", "reason": reason, "state_after": {}, "outbox": []})
}

/// What works although it does not by itself.
fn right() -> Vec<Case> {
    let late = r#"{"strptime":2026,"cp1252":"80","idna":"xn--exmple-cua.com","zone":2,"decimal":"1.1","colorsys":0,"uuid":4}"#;
    vec![
        Case::new(
            "buffers",
            json!({}),
            json!({
                "outcome": "done",
                "state_after": {"bytes": "a", "bytearray": "b", "memoryview": "c", "str": "ä"},
            }),
        ),
        Case::new(
            "exact",
            "{\"amount\": 9007199254740993, \"price\": 0.1000000000000000000001}".into(),
            json!({
                "outcome": "done",
                "state_after": {"amount": "9007199254740993"},
                "emitted": [{"kind": "noted", "payload": "{\"price\":\"0.1000000000000000000001\"}"}],
            }),
        ),
        Case::new(
            "late",
            json!({}),
            json!({"outcome": "done", "state_after": {"late": late}}),
        ),
        Case::new("chance", json!({}), json!({"outcome": "done"})),
        Case::new("chance", json!({}), json!({"outcome": "done"})).named("chance-again"),
        Case::new(
            "strange",
            json!({}),
            json!({
                "outcome": "ignored",
                "logs": ["half ? a pair", "xxx", "from logging", "printed"],
            }),
        ),
        Case::new(
            "waits",
            json!({}),
            json!({
                "outcome": "retry", "reason": "busy", "after_ms": 600_000, "state_after": {},
            }),
        ),
        Case::new(
            "refuses",
            json!({}),
            json!({
                "outcome": "reject", "reason": "no such order", "state_after": {},
            }),
        ),
        Case::new(
            "unknown",
            json!({}),
            json!({
                "outcome": "ignored", "reason": "the handler has no function for unknown",
            }),
        ),
    ]
}

#[test]
fn the_tests_of_a_project_run_in_its_own_environment() {
    let project = TestProject::new("tested", "python", &[]);
    // A build that fails has made the environment by then.
    let handler = fs::read_to_string(project.path("handler.py")).unwrap();
    project.write("handler.py", "import nothing\n");
    project.build_fails();
    project.write("handler.py", &handler);
    let tested = Command::new(project.path(".venv/bin/python"))
        .args(["-m", "unittest"])
        .current_dir(project.path(""))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tested.stderr);
    assert!(
        tested.status.success() && said.contains("Ran 1 test"),
        "{said}"
    );
}
