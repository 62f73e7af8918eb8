//! Mistakes in Nim, and what the user is told. These run by `make test-languages` alone.

use super::cases::step;
use super::served::{self, payments_were_told};
use super::{TestProject, has_extra};

fn asked_for() -> bool {
    has_extra("nim", "handlers in Nim")
}

fn handler(body: &str) -> Option<TestProject> {
    if !asked_for() {
        return None;
    }
    let text = format!(
        "import tollgate\n\nproc onEvent(event: Event): Outcome =\n{body}\n\nregister(onEvent)\n"
    );
    Some(TestProject::mistaken("nim", "handler.nim", &text))
}

#[test]
fn a_project_is_served() {
    if asked_for() {
        let served = served::made_and_served("nim");
        payments_were_told(&served);
    }
}

#[test]
fn exceptions_reach_the_attempt_with_their_message() {
    let body = "  case event.subject
  of \"index\":
    var none: seq[int]
    return ignored($none[event.subject.len])
  of \"value\": raise newException(ValueError, \"no stock\")
  of \"unset\": discard
  of \"retry\": raise retry(\"later\", 500)
  of \"key\": state.set(\"\", \"\")
  of \"text\": return ignored(\"no \\xff text\")
  else: return done()";
    let Some(project) = handler(body) else { return };
    let steps = [
        step(
            "index",
            r#""outcome":"trap","reason":"IndexDefect: index out of bounds""#,
        ),
        step(
            "value",
            r#""outcome":"trap","reason":"ValueError: no stock""#,
        ),
        step(
            "unset",
            r#""outcome":"trap","reason":"onEvent returned no outcome""#,
        ),
        step(
            "retry",
            r#""outcome":"retry","reason":"later","after_ms":500"#,
        ),
        step(
            "key",
            r#""outcome":"reject","reason":"a key has 1 to 512 bytes""#,
        ),
        step(
            "text",
            "\"outcome\":\"ignored\",\"reason\":\"no \u{fffd} text\"",
        ),
        step("", r#""outcome":"done""#),
    ];
    project.plays(&steps);
}

#[test]
fn all_of_the_interface_can_be_called() {
    let body = "  state.set(\"a/1\", \"one\")
  state.set(\"a/2\", \"two\")
  state.delete(\"b\")
  if state.list(\"a/\") != @{\"a/1\": \"one\", \"a/2\": \"two\"}: raise reject(\"list\")
  if state.list(\"a/\", after = \"a/1\").len != 1: raise reject(\"after\")
  schedule.after(\"k\", 1000, \"again\", \"{}\")
  schedule.at(\"l\", event.receivedMs + 1000, \"again\")
  schedule.cancel(\"k\")
  emit(\"told\", \"{}\", \"subject\")
  var resolved: Resolved
  if resolvedObject(resolved) or resolvedEvent(resolved): raise reject(\"resolved\")
  if configEntries().len != 1: raise reject(\"config\")
  debug(\"d\")
  warn(\"w \" & $(event.headers.len + event.metadata.len))
  done()";
    let Some(project) = handler(body) else { return };
    let shown = project.calls_all();
    assert!(shown.contains("warn w 0"), "{shown}");
}

#[test]
fn a_handler_that_is_not_registered_is_told() {
    let Some(project) = handler("  done()") else {
        return;
    };
    project.change("handler.nim", "register(onEvent)", "");
    let told = project.build_fails();
    assert!(
        told.contains("help: import tollgate, write `proc onEvent"),
        "{told}"
    );
}
