//! Mistakes in D, and what the user is told. These run by `make test-languages` alone.

use super::cases::step;
use super::served::{self, payments_were_told};
use super::{TestProject, has_extra};

fn asked_for() -> bool {
    has_extra("ldc2", "handlers in D")
}

fn handler(body: &str) -> Option<TestProject> {
    if !asked_for() {
        return None;
    }
    let text = format!(
        "import tollgate;\n\nOutcome onEvent(ref const Event event)\n{{\n{body}\n}}\n\n\
         mixin register!onEvent;\n"
    );
    Some(TestProject::mistaken("d", "handler.d", &text))
}

#[test]
fn a_project_is_served() {
    if asked_for() {
        let served = served::made_and_served("d");
        payments_were_told(&served);
    }
}

#[test]
fn failed_checks_reach_the_attempt_with_their_message() {
    let body = r#"
    switch (event.subject)
    {
    case "index":
        return ignored(event.account[event.subject.length .. $]);
    case "assert":
        assert(event.attempt > 7, "no stock");
        break;
    case "unset":
        return Outcome();
    case "retry":
        return retryAfter("later", 500);
    case "reject":
        return reject("never");
    case "key":
        state.set("", "");
        break;
    case "forgiven":
        state.set("", "");
        forgive();
        break;
    case "text":
        return ignored("no \xff text");
    default:
    }
    return done();"#;
    let Some(project) = handler(body) else { return };
    let of = |outcome: &str, reason: &str| format!(r#""outcome":"{outcome}","reason":"{reason}""#);
    project.plays(&[
        step(
            "index",
            &of("trap", "handler.d:9: array slice out of bounds"),
        ),
        step("assert", &of("trap", "handler.d:11: no stock")),
        step("unset", &of("trap", "handle returned no result")),
        step(
            "retry",
            r#""outcome":"retry","reason":"later","after_ms":500"#,
        ),
        step("reject", &of("reject", "never")),
        step(
            "key",
            &of("reject", "tg_state_set : a key has 1 to 512 bytes"),
        ),
        step("forgiven", r#""outcome":"done""#),
        step(
            "text",
            "\"outcome\":\"ignored\",\"reason\":\"no \u{fffd} text\"",
        ),
        step("", r#""outcome":"done""#),
    ]);
}

#[test]
fn all_of_the_interface_can_be_called() {
    let body = r#"
    state.set("a/1", "one");
    state.set("a/2", "two");
    state.remove("b");
    Pair[] entries;
    if (!state.list("a/", entries) || entries.length != 2 || entries[1].value != "two")
        return reject("list");
    if (!state.list("a/", entries, 10, "a/1") || entries.length != 1)
        return reject("after");
    schedule.after("k", 1000, "again", "{}");
    schedule.at("l", event.receivedMs + 1000, "again");
    schedule.cancel("k");
    emit("told", "subject", "{}");
    Resolved resolved;
    if (resolvedObject(resolved) || resolvedEvent(resolved))
        return reject("resolved");
    if (configEntries().length != 1 || config("none") !is null)
        return reject("config");
    long number;
    bool flag;
    Text found;
    const json = `{"a":9223372036854775807,"b":[true,1.5],"c":"\u00e9"}`;
    if (!json.integer("/a", number) || number != long.max || json.integer("/b/1", number))
        return reject("integer");
    if (!json.boolean("/b/0", flag) || !flag || !json.text("/c", found) || found != "é")
        return reject("json");
    if (!json.find("/b", found) || found != "[true,1.5]")
        return reject("find");
    log.debug_("d");
    log.warn(join("w ", event.headers.length, " ", -7));
    return done();"#;
    let Some(project) = handler(body) else { return };
    let shown = project.calls_all();
    assert!(shown.contains("warn w 0 -7"), "{shown}");
}

#[test]
fn a_handler_that_is_not_registered_is_told() {
    let Some(project) = handler("    return done();") else {
        return;
    };
    project.change("handler.d", "mixin register!onEvent;", "");
    let told = project.build_fails();
    assert!(
        told.contains("help: import tollgate, write `Outcome onEvent("),
        "{told}"
    );
}
