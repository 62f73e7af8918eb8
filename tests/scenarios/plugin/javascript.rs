//! Projects in JavaScript and TypeScript: what goes wrong in them, and what the user is told.

use serde_json::{Value, json};

use super::served::{made_and_served, payments_were_told};
use super::{Case, TestProject};

#[test]
fn javascript() {
    let served = made_and_served("javascript");
    payments_were_told(&served);
}

#[test]
fn typescript() {
    let served = made_and_served("typescript");
    payments_were_told(&served);
}

/// Handlers that must not be built, and a part of what the user is told.
const UNBUILDABLE: [(&str, &str); 11] = [
    (
        "export function handle() {}",
        "src/handler.js has no default export (only handle). Write `export default handler(",
    ),
    (
        "export default { handle() {} };",
        "exports an object by default",
    ),
    (
        "import { handler } from \"tollgate-handler\"; export default handler({ a: 5 });",
        "\"a\" has to be a function, not the number 5",
    ),
    (
        "import fs from \"node:fs\"; export default () => fs;",
        "\"fs\" is a module of Node, and a handler does not run in Node: a handler has no files",
    ),
    (
        "import x from \"left-pad\"; export default () => x;",
        "there is no package \"left-pad\". If npm has it: npm install left-pad",
    ),
    (
        "const a = await null; export default () => a;",
        "src/handler.js awaits outside a function",
    ),
    (
        "export default () => 1 +;",
        "src/handler.js:1:25: Unexpected \";\"",
    ),
    (
        "const id = Math.random(); export default () => id;",
        "Math.random() runs while the component is built, outside the handler",
    ),
    (
        "import { state } from \"tollgate-handler\"; state.get(\"a\"); export default () => 1;",
        "there is no gateway here (state): a handler calls it while it handles an event",
    ),
    (
        "const nothing = undefined;\nexport default nothing.handle;",
        "cannot read property 'handle' of undefined\n    at the module (src/handler.js:2:",
    ),
    (
        "const { readFileSync } = require(\"fs\"); export default () => readFileSync;",
        "\"fs\" is a module of Node",
    ),
];

#[test]
fn a_handler_that_cannot_work_is_not_built() {
    let project = TestProject::new("mistaken", "javascript", &[]);
    project.builds_none("src/handler.js", &UNBUILDABLE);
}

#[test]
fn types_that_do_not_fit_are_told() {
    let project = TestProject::new("mistaken", "typescript", &[]);
    project.change("src/handler.ts", "return done();", "return \"done\";");
    let said = project.build_fails();
    assert!(
        said.contains("the types do not fit:") && said.contains("src/handler.ts("),
        "{said}"
    );
    // What Node alone has: the compiler's own advice leads nowhere.
    let text = "import { readFileSync } from \"node:fs\";\nimport { done } from \"tollgate-handler\";\n\
                export default () => { readFileSync(process.env.FILE ?? \"\"); return done(); };\n";
    project.write("src/handler.ts", text);
    let said = project.build_fails();
    for part in [
        "\"fs\" is a module of Node, and a handler does not run in Node: a handler has no files",
        "`process` is of Node, and a handler does not run in Node: its settings are in `config`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("@types/node"), "{said}");
}

/// Traps by their event types, with the reason of the attempt.
const TRAPS: [(&str, &str); 21] = [
    (
        "nothing",
        "TypeError: the handler returned nothing. Write `return done()`",
    ),
    (
        "text",
        "the handler returned the text \"done\". Write `return done()`",
    ),
    ("bare", "the handler returned an object. Write"),
    (
        "retry",
        "the handler returned a Retry. Write `throw new Retry(",
    ),
    (
        "error",
        "the handler returned an error (Error: oh). Write `throw`",
    ),
    (
        "undefined",
        "TypeError: cannot read property 'id' of undefined, src/handler.ts:18",
    ),
    ("thrown", "the handler threw \"a text\""),
    ("rejected", "RangeError: too much, src/handler.ts:33"),
    ("floating", "Error: nobody waits, src/handler.ts:37"),
    ("never", "the handler's promise never settled"),
    (
        "nan",
        "RangeError: state.add(\"n\"): the delta is a whole number",
    ),
    ("half", "not the number 1.5, src/handler.ts:43"),
    (
        "huge",
        "not the BigInt 18446744073709551615n, src/handler.ts:44",
    ),
    ("digits", "not the text \"5\""),
    ("byte", "byte 0 is 0 to 255, not the number 300"),
    ("body", "json is no JSON: \"amount\" is NaN"),
    (
        "option",
        "there is no option \"jsn\"; there are json, form, body",
    ),
    ("surrogate", "half a surrogate pair"),
    (
        "timer",
        "a handler does not wait. For a later time use schedule.put",
    ),
    (
        "fetch",
        "fetch: a handler has no such function; call it by its bare name, `fetch(…)`",
    ),
    ("limit", "the limit is a whole number from 0 to 1000"),
];

#[test]
fn mistakes_while_an_event_is_handled() {
    let project = TestProject::new("mistakes", "typescript", &[]);
    project.write("src/handler.ts", include_str!("mistakes/handler.ts"));
    project.give_time();
    let mut cases: Vec<Case> = TRAPS
        .iter()
        .map(|(kind, reason)| Case::new(kind, json!({}), trap(reason)))
        .collect();
    cases.extend(right());
    project.replace_fixtures(&cases);
    let built = project.plugin(&["build"]);
    assert_eq!(built.code, 0, "{built:?}");
    let logs = project.logs();
    let (first, second) = (&logs["chance"], &logs["chance-again"]);
    assert!(
        first.contains("chance 0.") && first != second,
        "{first} {second}"
    );
}

fn trap(reason: &str) -> Value {
    json!({"outcome": "trap", "reason": reason, "state_after": {}, "outbox": []})
}

/// What works although it does not by itself.
fn right() -> Vec<Case> {
    let big = 9_007_199_254_740_993_i64;
    let globals = r#"{"text":"ä€😀","clone":["1970-01-01T00:00:00.000Z","ä"],"url":["1","2"],"random":true,"uuid":true,"now":true,"date":true}"#;
    vec![
        Case::new(
            "drained",
            json!({}),
            json!({
                "outcome": "done",
                "state_after": {"floating": "\"a\"", "sum": "6", "micro": "true"},
            }),
        ),
        Case::new(
            "exact",
            json!({"amount": big}),
            json!({
                "outcome": "done",
                "state_after": {"amount": format!("{{\"amount\":{big},\"text\":\"{big}\"}}")},
                "emitted": [{"kind": "noted", "payload": format!("{{\"amount\":{big}}}")}],
            }),
        ),
        Case::new(
            "globals",
            json!({}),
            json!({
                "outcome": "done",
                "state_after": {"globals": globals},
                "logs": ["a text and 5 { n: [1n] }"],
            }),
        ),
        Case::new("chance", json!({}), json!({"outcome": "done"})),
        Case::new("chance", json!({}), json!({"outcome": "done"})).named("chance-again"),
        Case::new(
            "strange",
            json!({}),
            json!({
                "outcome": "ignored",
                "reason": "half \u{fffd} a pair",
                "logs": ["half \u{fffd} a pair", "xxx"],
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
