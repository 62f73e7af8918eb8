//! The interface of the C SDK, `c/tollgate.h`, which `tollgate.zig` wraps.

/// A text or bytes; absent without `data`.
pub const Text = extern struct {
    data: ?[*]const u8 = null,
    size: usize = 0,

    pub fn isThere(text: Text) bool {
        return text.data != null;
    }

    pub fn bytes(text: Text) []const u8 {
        return if (text.data) |data| data[0..text.size] else "";
    }

    pub fn optional(text: Text) ?[]const u8 {
        return if (text.isThere()) text.bytes() else null;
    }
};

pub const Pair = extern struct { name: Text, value: Text };

pub const Event = extern struct {
    id: Text,
    source: Text,
    provider_id: Text,
    kind: Text,
    subject: Text,
    account: Text,
    has_created: bool,
    created_ms: u64,
    received_ms: u64,
    attempt: u32,
    replay: bool,
    headers: ?[*]const Pair,
    headers_count: usize,
    metadata: ?[*]const Pair,
    metadata_count: usize,
    payload: Text,
};

pub const Result = extern struct {
    mark: u32,
    kind: u32,
    reason: Text,
    has_after: bool,
    after_ms: u64,
};

pub const Request = extern struct {
    method: Text,
    url: Text,
    body: Text,
    content_type: Text,
    order_key: Text,
    respond: Text,
    headers: ?[*]const Pair,
    headers_count: usize,
};

pub extern fn tg_done() Result;
pub extern fn tg_ignored(reason: Text) Result;
pub extern fn tg_retry(reason: Text) Result;
pub extern fn tg_retry_after(reason: Text, after_ms: u64) Result;
pub extern fn tg_reject(reason: Text) Result;
pub extern fn tg_error() Text;
pub extern fn tg_forgive() void;
pub extern fn tg_state_get(key: Text, value: *Text) bool;
pub extern fn tg_state_set(key: Text, value: Text) bool;
pub extern fn tg_state_delete(key: Text) bool;
pub extern fn tg_state_add(key: Text, delta: i64) bool;
pub extern fn tg_state_list(
    prefix: Text,
    after: Text,
    limit: u32,
    entries: *?[*]const Pair,
    count: *usize,
) bool;
pub extern fn tg_send(request: *const Request) bool;
pub extern fn tg_emit(kind: Text, subject: Text, payload: Text) bool;
pub extern fn tg_schedule_after(key: Text, after_ms: u64, kind: Text, payload: Text) bool;
pub extern fn tg_schedule_at(key: Text, at_ms: u64, kind: Text, payload: Text) bool;
pub extern fn tg_schedule_cancel(key: Text) bool;
pub extern fn tg_config(key: Text, value: *Text) bool;
pub extern fn tg_config_entries(entries: *?[*]const Pair) usize;
pub extern fn tg_resolved_object(body: *Text, read_ms: *u64) bool;
pub extern fn tg_resolved_event(body: *Text, read_ms: *u64) bool;
pub extern fn tg_debug(message: Text) void;
pub extern fn tg_info(message: Text) void;
pub extern fn tg_warn(message: Text) void;
pub extern fn tg_panic(message: Text) noreturn;
