//! Mistakes in Zig, and what the user is told. These run by `make test-languages` alone.

use super::cases::step;
use super::served::{self, payments_were_told};
use super::{TestProject, has_extra};

fn asked_for() -> bool {
    has_extra("zig", "handlers in Zig")
}

fn handler(body: &str) -> Option<TestProject> {
    if !asked_for() {
        return None;
    }
    let text = format!(
        "const std = @import(\"std\");\nconst tollgate = @import(\"tollgate\");\n\
         pub fn onEvent(event: tollgate.Event) !tollgate.Outcome {{\n{body}\n}}\n"
    );
    Some(TestProject::mistaken("zig", "handler.zig", &text))
}

#[test]
fn a_project_is_served() {
    if asked_for() {
        let served = served::made_and_served("zig");
        payments_were_told(&served);
    }
}

#[test]
fn errors_and_panics_reach_the_attempt_with_their_message() {
    let body = r#"
    const what = event.subject orelse return tollgate.done();
    const is = tollgate.equal;
    if (is(what, "index")) {
        const none: []const u8 = event.account orelse "";
        return tollgate.ignored(none[what.len..][0..1]);
    }
    if (is(what, "overflow")) {
        const number: i32 = std.math.maxInt(i32);
        return tollgate.ignored(tollgate.print("{d}", .{number + @as(i32, @intCast(event.attempt))}));
    }
    if (is(what, "null")) return tollgate.ignored(event.account.?);
    if (is(what, "panic")) @panic("no stock");
    if (is(what, "error")) return error.NoStock;
    if (is(what, "retry")) return tollgate.retryAfter("later", 500);
    if (is(what, "reject")) return tollgate.reject("never");
    if (is(what, "key")) try tollgate.state.set("", "");
    if (is(what, "payload")) _ = try event.parse(struct { amount: i64 });
    if (is(what, "text")) return tollgate.ignored("no \xff text");
    if (is(what, "log")) std.log.info("by std.log {d}", .{7});
    return tollgate.done();"#;
    let Some(project) = handler(body) else { return };
    let trap = |reason: &str| format!(r#""outcome":"trap","reason":"{reason}""#);
    let reject = |reason: &str| format!(r#""outcome":"reject","reason":"{reason}""#);
    project.plays(&[
        step("index", &trap("index out of bounds: index 6, len 0")),
        step("overflow", &trap("integer overflow")),
        step("null", &trap("attempt to use null value")),
        step("panic", &trap("no stock")),
        step("error", &trap("error: NoStock")),
        step(
            "retry",
            r#""outcome":"retry","reason":"later","after_ms":500"#,
        ),
        step("reject", &reject("never")),
        step("key", &reject("tg_state_set : a key has 1 to 512 bytes")),
        step(
            "payload",
            &reject("the payload cannot be read: UnexpectedToken"),
        ),
        step(
            "text",
            "\"outcome\":\"ignored\",\"reason\":\"no \u{fffd} text\"",
        ),
        step("log", r#""outcome":"done""#),
        step("", r#""outcome":"done""#),
    ]);
}

#[test]
fn all_of_the_interface_can_be_called() {
    let body = r#"
    try tollgate.state.set("a/1", "one");
    try tollgate.state.set("a/2", "two");
    try tollgate.state.delete("b");
    const entries = try tollgate.state.list("a/", null, 10);
    if (entries.len != 2 or !tollgate.equal(entries[1].value, "two")) return tollgate.reject("list");
    const second = try tollgate.state.list("a/", "a/1", 10);
    if (second.len != 1) return tollgate.reject("after");
    try tollgate.schedule.after("k", 1000, "again", "{}");
    try tollgate.schedule.at("l", event.received_ms + 1000, "again", "");
    try tollgate.schedule.cancel("k");
    try tollgate.emit("told", "subject", "{}");
    if (tollgate.resolvedObject() != null or tollgate.resolvedEvent() != null)
        return tollgate.reject("resolved");
    if (tollgate.config.entries().len != 1) return tollgate.reject("entries");
    tollgate.log.debug("d", .{});
    tollgate.log.warn("{s} {d}", .{ "w", event.headers.len + event.metadata.len });
    return tollgate.done();"#;
    let Some(project) = handler(body) else { return };
    let shown = project.calls_all();
    assert!(shown.contains("warn w 0"), "{shown}");
}

#[test]
fn a_handler_with_another_name_is_told() {
    let Some(project) = handler("_ = event; return tollgate.done();") else {
        return;
    };
    project.change("handler.zig", "pub fn onEvent(", "pub fn onEvents(");
    let told = project.build_fails();
    assert!(
        told.contains("help: write `pub fn onEvent(event: tollgate.Event)"),
        "{told}"
    );
}
