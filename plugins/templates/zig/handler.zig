//! Tells the shop once about each {{event}}.
const tollgate = @import("tollgate");

const Payload = struct {
    data: struct { object: struct { id: []const u8, {{amount}}: i64, currency: []const u8 } },
};

pub fn onEvent(event: tollgate.Event) !tollgate.Outcome {
    if (!tollgate.equal(event.kind, "{{event}}"))
        return tollgate.ignored(tollgate.print("{s} is not for this handler", .{event.kind}));

    const object = (try event.parse(Payload)).data.object;

    // Providers send an event again, and several events may tell of one payment: the state says what
    // was done already.
    const seen = tollgate.print("seen/{s}", .{object.id});
    if (try tollgate.state.get(seen) != null)
        return tollgate.ignored(tollgate.print("{s} was told before", .{object.id}));
    try tollgate.state.set(seen, event.id);
    try tollgate.state.add(tollgate.print("total/{s}", .{object.currency}), object.{{amount}});

    // The request goes out after the commit, and not at all if the handler fails.
    try tollgate.send(.{
        .url = try tollgate.config.require("notify_url"),
        .order_key = object.id,
        .body = tollgate.stringify(.{
            .id = object.id,
            .amount = object.{{amount}},
            .currency = object.currency,
        }),
    });
    tollgate.log.info("told the shop", .{});
    return tollgate.done();
}
