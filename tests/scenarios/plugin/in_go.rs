//! Mistakes in Go, and what the user is told.

use super::cases::step;
use super::{TestProject, has};

/// A project whose handler has this body; without Go, none.
fn handler(body: &str) -> Option<TestProject> {
    if !has("go", "handlers in Go") {
        return None;
    }
    let text = format!(
        "package main\n\nimport \"tollgate/handler\"\n\nfunc init() {{ handler.Register(handle) }}\n\n\
         func main() {{}}\n\nfunc handle(event handler.Event) (handler.Outcome, error) {{\n{body}\n}}\n"
    );
    Some(TestProject::mistaken("go", "handler.go", &text))
}

/// Each build takes seconds, so the mistakes share a project.
#[test]
fn mistakes_reach_the_attempt_with_their_message() {
    let body = r#"
    switch event.Subject {
    case "panic":
        var none []int
        _ = none[len(event.Subject)]
    case "nothing":
        return nil, nil
    case "other":
        return nil, os.ErrDeadlineExceeded
    case "key":
        return nil, handler.State.Set("", nil)
    case "text":
        handler.Info("a\xffb")
        return handler.Ignored("no \xff text")
    case "zone":
        berlin, err := time.LoadLocation("Europe/Berlin")
        if err != nil {
            return nil, err
        }
        return handler.Ignored("%v", event.Received.In(berlin).Hour())
    }
    return handler.Done()"#;
    let Some(project) = handler(body) else { return };
    project.change(
        "handler.go",
        "import \"tollgate/handler\"",
        "import (\n\t\"os\"\n\t\"time\"\n\t\"tollgate/handler\"\n)",
    );
    let steps = [
        step("", r#""outcome":"done""#),
        step(
            "panic",
            r#""outcome":"trap","reason":"panic: runtime error: index out of range [5] with length 0""#,
        ),
        step(
            "nothing",
            r#""outcome":"trap","reason":"return handler.Done()""#,
        ),
        step("other", r#""outcome":"retry","reason":"i/o timeout""#),
        step(
            "key",
            r#""outcome":"reject","reason":"State.Set : a key has 1 to 512 bytes""#,
        ),
        step(
            "text",
            "\"outcome\":\"ignored\",\"reason\":\"no \u{fffd} text\",\"logs\":[\"a\u{fffd}b\"]",
        ),
        // Midnight in UTC.
        step("zone", r#""outcome":"ignored","reason":"1""#),
    ];
    project.plays(&steps);
}

#[test]
fn a_handler_that_is_not_registered_is_told() {
    let Some(project) = handler("return handler.Done()") else {
        return;
    };
    project.change(
        "handler.go",
        "func init() { handler.Register(handle) }",
        "var _ = handle",
    );
    let told = project.build_fails();
    assert!(
        told.contains("no handler is registered")
            && told.contains("help: import \"tollgate/handler\" and write `func init()"),
        "{told}"
    );
}
