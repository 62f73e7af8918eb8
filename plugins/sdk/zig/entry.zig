//! The root of the module: exports the handler, and takes panics and `std.log` to the attempt.

const std = @import("std");
const handler = @import("handler");
const tollgate = @import("tollgate");

pub const panic = std.debug.FullPanic(tollgate.panic);
pub const std_options: std.Options = .{ .logFn = tollgate.logLine };

export fn handle(event: *const tollgate.raw.Event) tollgate.raw.Result {
    return tollgate.run(event, handler.onEvent);
}
