//! Mistakes in C, and what the user is told.

use super::{TestProject, has};

/// A project whose handler has this body; without clang, none.
fn handler(body: &str) -> Option<TestProject> {
    if !has("clang-19", "handlers in C") {
        return None;
    }
    let text = format!(
        "#include \"tollgate.h\"\n#include <stdlib.h>\ntg_result handle(const tg_event *event) {{\n{body}\n}}\n"
    );
    Some(TestProject::mistaken("c", "handler.c", &text))
}

#[test]
fn a_result_that_was_not_set_is_an_error() {
    let Some(project) = handler("(void)event; tg_result result = {0}; return result;") else {
        return;
    };
    let told = project.build_fails();
    assert!(
        told.contains("expected `done`") || told.contains("found    `trap`"),
        "{told}"
    );
    assert!(
        told.contains("handle returned no result: return tg_done()"),
        "{told}"
    );
}

#[test]
fn a_null_pointer_ends_the_run() {
    let body = "(void)event; int *volatile nowhere = NULL; *nowhere = 1; return tg_done();";
    let Some(project) = handler(body) else { return };
    let told = project.build_fails();
    assert!(
        told.contains("found    `trap`") && told.contains("help: a check that was compiled in"),
        "{told}"
    );
}

#[test]
fn an_error_that_nobody_looks_at_is_no_success() {
    let body = "(void)event; tg_state_set(TG(\"\"), TG(\"value\")); return tg_done();";
    let Some(project) = handler(body) else { return };
    let told = project.build_fails();
    assert!(
        told.contains("`reject` (tg_state_set : a key has 1 to 512 bytes)"),
        "{told}"
    );
}

#[test]
fn texts_that_are_no_utf_8_are_made_valid() {
    let body = "(void)event; tg_info(TG(\"a\\xff\" \"b\")); tg_state_set(TG(\"k\\xc3\"), TG(\"\\xff\")); \
                return tg_ignored(TG(\"no \\xed\\xa0\\x80 text\"));";
    let Some(project) = handler(body) else { return };
    project.write(
        "fixtures/told.json",
        r#"{"event":{"kind":"a","payload":1},"expect":{"outcome":"ignored"}}"#,
    );
    let shown = project.tests_well();
    assert!(shown.contains("info a\u{fffd}b"), "{shown}");
    assert!(shown.contains("state      k\u{fffd} "), "{shown}");
    assert!(
        shown.contains("reason     no \u{fffd}\u{fffd}\u{fffd} text"),
        "{shown}"
    );
}

#[test]
fn a_panic_has_its_message() {
    let Some(project) = handler("(void)event; tg_panic(TG(\"no stock\"));") else {
        return;
    };
    let told = project.build_fails();
    assert!(told.contains("`trap` (no stock ("), "{told}");
}

#[test]
fn a_handler_with_another_name_is_not_found() {
    let Some(project) = handler("(void)event; return tg_done();") else {
        return;
    };
    project.change("handler.c", "tg_result handle(", "tg_result handler(");
    let told = project.build_fails();
    assert!(
        told.contains("undefined symbol: handle")
            && told.contains("help: include \"tollgate.h\" and write `tg_result handle("),
        "{told}"
    );
}

#[test]
fn json_is_read_exactly() {
    let body = r#"
    tg_text raw, text;
    int64_t number;
    bool flag;
    const tg_text json = event->payload;
    if (!tg_json_integer(json, "/big", &number) || number != INT64_MAX) return tg_reject(TG("big"));
    if (!tg_json_integer(json, "/least", &number) || number != INT64_MIN) return tg_reject(TG("least"));
    if (tg_json_integer(json, "/over", &number)) return tg_reject(TG("over"));
    if (tg_json_integer(json, "/half", &number)) return tg_reject(TG("half"));
    if (!tg_json_string(json, "/text", &text) || !tg_equal(text, TG("\xc3\xa9\n\xf0\x9f\x98\x80")))
        return tg_reject(TG("text"));
    if (!tg_json_bool(json, "/list/1/a~1b", &flag) || !flag) return tg_reject(TG("pointer"));
    if (tg_json_find(json, "/list/2", &raw) || tg_json_find(json, "/none", &raw)) return tg_reject(TG("absent"));
    if (tg_json_find(TG("{\"a\":1"), "/b", &raw) || tg_json_find(TG(""), "", &raw)) return tg_reject(TG("cut"));
    if (!tg_equal(tg_json_quoted(TG("a\"\n")), TG("\"a\\\"\\u000a\""))) return tg_reject(TG("quoted"));
    return tg_done();"#;
    let Some(project) = handler(body) else { return };
    let payload = r#"{"big": 9223372036854775807, "least": -9223372036854775808,
        "over": 9223372036854775808, "half": 1.5, "text": "\u00e9\n\ud83d\ude00",
        "list": [{"x": []}, {"a/b": true}]}"#;
    let fixture = serde_json::json!({
        "event": { "kind": "a", "payload": payload },
        "expect": { "outcome": "done" },
    });
    project.write("fixtures/told.json", &fixture.to_string());
    project.tests_well();
}
