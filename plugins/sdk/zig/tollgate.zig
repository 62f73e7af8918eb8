//! Handlers for Tollgate, a gateway for payment webhooks, in Zig.
//!
//! handler.zig has one function:
//!
//!     const tollgate = @import("tollgate");
//!
//!     const Payment = struct { data: struct { object: struct { amount: i64 } } };
//!
//!     pub fn onEvent(event: tollgate.Event) !tollgate.Outcome {
//!         const payment = try event.parse(Payment);
//!         try tollgate.state.add("total", payment.data.object.amount);
//!         return tollgate.done();
//!     }
//!
//! Errors: `return tollgate.retry(reason)` and `return tollgate.reject(reason)` end the event as
//! they say. A call that the gateway refuses gives `error.Refused`, and a payload that cannot be
//! read `error.Reject`: both reject the event, since the same bytes would fail again. Any other
//! error, and a panic, ends the run; its name or message is in the attempt.
//!
//! Memory: `allocator` never has to free. An instance serves one event, and its memory goes with it.
//!
//! Texts that are no UTF-8 are made valid before they cross to the gateway: each wrong byte becomes
//! U+FFFD. Bodies, payloads and values of state are bytes, and cross as they are.

const std = @import("std");

/// For the entry alone: the interface of the C SDK.
pub const raw = @import("c.zig");
const c = raw;

/// Memory for the run.
pub const allocator = std.heap.c_allocator;

/// A name and a value.
pub const Pair = struct { name: []const u8, value: []const u8 };

/// The event. Times are milliseconds since the Unix epoch.
pub const Event = struct {
    /// The gateway's id: a UUID.
    id: []const u8,
    /// The source in the manifest, or `handler:NAME`.
    source: []const u8,
    /// The provider's own id, if the provider sends one.
    provider_id: ?[]const u8,
    /// The event type, such as `payment_intent.succeeded`.
    kind: []const u8,
    /// The id of the object.
    subject: ?[]const u8,
    /// The connected account.
    account: ?[]const u8,
    /// When the event happened, if the provider says so.
    created_ms: ?u64,
    received_ms: u64,
    /// The first attempt is 1.
    attempt: u32,
    /// Whether an operator asked for a replay.
    replay: bool,
    headers: []const Pair,
    metadata: []const Pair,
    /// The exact bytes of the event.
    payload: []const u8,

    /// The payload in this shape. Fields that the shape does not have are passed over. A number that
    /// the shape's integer cannot hold is an error, and never rounded.
    pub fn parse(event: Event, comptime Shape: type) Failure!Shape {
        const options: std.json.ParseOptions = .{ .ignore_unknown_fields = true };
        return std.json.parseFromSliceLeaky(Shape, allocator, event.payload, options) catch |why|
            return reject(print("the payload cannot be read: {s}", .{@errorName(why)}));
    }

    /// The payload as a JSON value. Integers beyond 64 bits are texts (`number_string`).
    pub fn json(event: Event) Failure!std.json.Value {
        return event.parse(std.json.Value);
    }
};

/// What a handler returns: `done` or `ignored` makes one.
pub const Outcome = union(enum) { done, ignored: []const u8 };

/// How an event ends without having been handled: `retry` or `reject` makes one.
pub const Failure = error{ Retry, Reject };

/// The gateway refuses a call: `lastError` says why.
pub const CallError = error{Refused};

/// The handler acted on the event.
pub fn done() Outcome {
    return .done;
}

/// The event needs no action. The effects are committed too.
pub fn ignored(reason: []const u8) Outcome {
    return .{ .ignored = reason };
}

/// To return: another attempt, by the retry policy. Nothing of the run is committed.
pub fn retry(reason: []const u8) Failure {
    failure = c.tg_retry(text(reason));
    return error.Retry;
}

/// To return: another attempt, not before this many milliseconds have passed.
pub fn retryAfter(reason: []const u8, after_ms: u64) Failure {
    failure = c.tg_retry_after(text(reason), after_ms);
    return error.Retry;
}

/// To return: another attempt would not help. The delivery becomes a dead letter.
pub fn reject(reason: []const u8) Failure {
    failure = c.tg_reject(text(reason));
    return error.Reject;
}

/// Why the gateway refused the last call that was refused.
pub fn lastError() ?[]const u8 {
    return last_error;
}

/// State: durable keys and values of this handler alone. A key has 1 to 512 bytes.
pub const state = struct {
    /// The value; null without the key.
    pub fn get(key: []const u8) CallError!?[]const u8 {
        var value: c.Text = .{};
        if (c.tg_state_get(text(key), &value)) return value.bytes();
        if (c.tg_error().isThere()) try taken(false);
        return null;
    }

    pub fn set(key: []const u8, value: []const u8) CallError!void {
        try taken(c.tg_state_set(text(key), text(value)));
    }

    pub fn delete(key: []const u8) CallError!void {
        try taken(c.tg_state_delete(text(key)));
    }

    /// A counter that never conflicts with other deliveries.
    pub fn add(key: []const u8, delta: i64) CallError!void {
        try taken(c.tg_state_add(text(key), delta));
    }

    /// The entries whose keys begin with `prefix`, in order: at most `limit` and at most 1,000,
    /// behind the key `after`.
    pub fn list(prefix: []const u8, after: ?[]const u8, limit: u32) CallError![]const Pair {
        var entries: ?[*]const c.Pair = null;
        var count: usize = 0;
        try taken(c.tg_state_list(text(prefix), optional(after), limit, &entries, &count));
        return pairs(entries, count);
    }
};

/// Events to this handler, for later. The same key replaces the entry.
pub const schedule = struct {
    pub fn after(key: []const u8, ms: u64, kind: []const u8, payload: []const u8) CallError!void {
        try taken(c.tg_schedule_after(text(key), ms, text(kind), text(payload)));
    }

    /// At a time in milliseconds since the Unix epoch.
    pub fn at(key: []const u8, ms: u64, kind: []const u8, payload: []const u8) CallError!void {
        try taken(c.tg_schedule_at(text(key), ms, text(kind), text(payload)));
    }

    pub fn cancel(key: []const u8) CallError!void {
        try taken(c.tg_schedule_cancel(text(key)));
    }
};

/// A request that goes out after the commit, at least once, with an Idempotency-Key.
pub const Request = struct {
    method: []const u8 = "POST",
    /// Its origin must be in the manifest's `allow`.
    url: []const u8,
    body: []const u8 = "",
    /// `application/json` if there is a body.
    content_type: ?[]const u8 = null,
    /// Requests with the same key go out in order.
    order_key: ?[]const u8 = null,
    /// If set, the answer comes back as an event `outbox.response`.
    respond: ?[]const u8 = null,
    headers: []const Pair = &.{},
};

/// Queues a request.
pub fn send(request: Request) CallError!void {
    const headers = allocator.alloc(c.Pair, request.headers.len) catch @panic("out of memory");
    for (headers, request.headers) |*to, from| {
        to.* = .{ .name = text(from.name), .value = text(from.value) };
    }
    const whole: c.Request = .{
        .method = text(request.method),
        .url = text(request.url),
        .body = if (request.body.len == 0) .{} else text(request.body),
        .content_type = optional(request.content_type),
        .order_key = optional(request.order_key),
        .respond = optional(request.respond),
        .headers = headers.ptr,
        .headers_count = headers.len,
    };
    try taken(c.tg_send(&whole));
}

/// An event for the routes, with the source `handler:NAME`.
pub fn emit(kind: []const u8, subject: ?[]const u8, payload: []const u8) CallError!void {
    try taken(c.tg_emit(text(kind), optional(subject), text(payload)));
}

/// `config` in the manifest.
pub const config = struct {
    /// A text, or the JSON of another value.
    pub fn get(key: []const u8) ?[]const u8 {
        var value: c.Text = .{};
        return if (c.tg_config(text(key), &value)) value.bytes() else null;
    }

    /// As `get`; without the key, the event is rejected.
    pub fn require(key: []const u8) Failure![]const u8 {
        return get(key) orelse reject(print("`config` has no {s}", .{key}));
    }

    pub fn entries() []const Pair {
        var list: ?[*]const c.Pair = null;
        const count = c.tg_config_entries(&list);
        return pairs(list, count);
    }
};

/// What the provider's API told of a thin event, and when. The body is null if the thing is gone.
pub const Resolved = struct { body: ?[]const u8, read_ms: u64 };

/// The object of a thin event, as it is today; null if the gateway did not ask.
pub fn resolvedObject() ?Resolved {
    return resolved(c.tg_resolved_object);
}

/// The whole event of a thin event; null if the gateway did not ask.
pub fn resolvedEvent() ?Resolved {
    return resolved(c.tg_resolved_event);
}

fn resolved(ask: *const fn (*c.Text, *u64) callconv(.c) bool) ?Resolved {
    var body: c.Text = .{};
    var read_ms: u64 = 0;
    if (!ask(&body, &read_ms)) return null;
    return .{ .body = body.optional(), .read_ms = read_ms };
}

/// Lines in the log that the gateway keeps with the attempt. `std.log` writes there too.
pub const log = struct {
    pub fn debug(comptime format: []const u8, arguments: anytype) void {
        c.tg_debug(text(print(format, arguments)));
    }

    pub fn info(comptime format: []const u8, arguments: anytype) void {
        c.tg_info(text(print(format, arguments)));
    }

    pub fn warn(comptime format: []const u8, arguments: anytype) void {
        c.tg_warn(text(print(format, arguments)));
    }
};

/// Whether two texts are the same.
pub fn equal(one: []const u8, other: []const u8) bool {
    return std.mem.eql(u8, one, other);
}

/// A text in this format.
pub fn print(comptime format: []const u8, arguments: anytype) []const u8 {
    return std.fmt.allocPrint(allocator, format, arguments) catch @panic("out of memory");
}

/// A value as JSON.
pub fn stringify(value: anytype) []const u8 {
    return print("{f}", .{std.json.fmt(value, .{})});
}

/// For the entry alone: runs a handler.
pub fn run(from: *const c.Event, comptime handler: anytype) c.Result {
    const outcome: Outcome = handler(fromRaw(from)) catch |why| switch (@as(anyerror, why)) {
        error.Retry, error.Reject => return failure orelse
            c.tg_reject(text("the handler returned an error that retry or reject did not make")),
        error.Refused => return c.tg_reject(text(last_error orelse "the gateway refused a call")),
        else => |other| panic(print("error: {s}", .{@errorName(other)}), null),
    };
    return switch (outcome) {
        .done => c.tg_done(),
        .ignored => |reason| c.tg_ignored(text(reason)),
    };
}

/// For the entry alone: ends the run with this message.
pub fn panic(message: []const u8, _: ?usize) noreturn {
    @branchHint(.cold);
    c.tg_panic(text(message));
}

/// For the entry alone: a line of `std.log`.
pub fn logLine(
    comptime level: std.log.Level,
    comptime scope: @EnumLiteral(),
    comptime format: []const u8,
    arguments: anytype,
) void {
    const prefix = if (scope == .default) "" else @tagName(scope) ++ ": ";
    switch (level) {
        .debug => log.debug(prefix ++ format, arguments),
        .info => log.info(prefix ++ format, arguments),
        .warn, .err => log.warn(prefix ++ format, arguments),
    }
}

var failure: ?c.Result = null;
var last_error: ?[]const u8 = null;

/// Gives the error of a call that was refused.
fn taken(was_taken: bool) CallError!void {
    if (was_taken) return;
    last_error = c.tg_error().optional();
    c.tg_forgive();
    return error.Refused;
}

fn text(bytes: []const u8) c.Text {
    return .{ .data = bytes.ptr, .size = bytes.len };
}

fn optional(bytes: ?[]const u8) c.Text {
    return if (bytes) |there| text(there) else .{};
}

fn pairs(list: ?[*]const c.Pair, count: usize) []const Pair {
    const found = allocator.alloc(Pair, count) catch @panic("out of memory");
    for (found, 0..) |*to, at| {
        const from = list.?[at];
        to.* = .{ .name = from.name.bytes(), .value = from.value.bytes() };
    }
    return found;
}

fn fromRaw(from: *const c.Event) Event {
    return .{
        .id = from.id.bytes(),
        .source = from.source.bytes(),
        .provider_id = from.provider_id.optional(),
        .kind = from.kind.bytes(),
        .subject = from.subject.optional(),
        .account = from.account.optional(),
        .created_ms = if (from.has_created) from.created_ms else null,
        .received_ms = from.received_ms,
        .attempt = from.attempt,
        .replay = from.replay,
        .headers = pairs(from.headers, from.headers_count),
        .metadata = pairs(from.metadata, from.metadata_count),
        .payload = from.payload.bytes(),
    };
}
