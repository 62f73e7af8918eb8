//! Passes on the events whose subject begins with `prefix` in `config`.
const std = @import("std");
const tollgate = @import("tollgate");

pub fn onEvent(event: tollgate.Event) !tollgate.Outcome {
    const prefix = try tollgate.config.require("prefix");
    const subject = event.subject orelse return tollgate.ignored("the event has no subject");
    if (!std.mem.startsWith(u8, subject, prefix))
        return tollgate.ignored(tollgate.print("{s} does not begin with {s}", .{ subject, prefix }));
    try tollgate.state.add("passed", 1);
    try tollgate.emit(tollgate.print("filtered.{s}", .{event.kind}), subject, event.payload);
    return tollgate.done();
}
