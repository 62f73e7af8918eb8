/* The functions of tollgate.h, on the bindings that wit-bindgen makes. */
#include "tollgate.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "handler.h"

enum { MARK = 0x70110a7e, DONE = 1, IGNORED, RETRY, REJECT };

static tg_text first_error;

/* Memory and texts */

static void *allocate(size_t size) {
    void *memory = malloc(size ? size : 1);
    if (!memory) __builtin_trap();
    return memory;
}

tg_text tg_string(const char *string) {
    return string ? (tg_text){string, strlen(string)} : TG_END;
}

bool tg_equal(tg_text one, tg_text other) {
    return one.size == other.size && (!one.size || !memcmp(one.data, other.data, one.size));
}

tg_text tg_join(tg_text first, ...) {
    va_list count, copy;
    va_start(count, first);
    va_copy(copy, count);
    size_t size = 0;
    for (tg_text part = first; part.data; part = va_arg(count, tg_text)) size += part.size;
    va_end(count);
    char *data = allocate(size), *at = data;
    for (tg_text part = first; part.data; part = va_arg(copy, tg_text)) {
        memcpy(at, part.data, part.size);
        at += part.size;
    }
    va_end(copy);
    return (tg_text){data, size};
}

tg_text tg_number(int64_t number) {
    char digits[24], *at = digits + sizeof digits;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0) *--at = '-';
    size_t size = (size_t)(digits + sizeof digits - at);
    char *data = allocate(size);
    memcpy(data, at, size);
    return (tg_text){data, size};
}

/* The size of the UTF-8 character at the start of the bytes; 0 if there is none. */
static size_t character(const uint8_t *at, size_t left) {
    uint8_t first = at[0];
    size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (!size || first > 0xf4 || size > left) return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    if (first == 0xe0 && at[1] < 0xa0) return 0; /* written too long */
    if (first == 0xed && at[1] > 0x9f) return 0; /* a surrogate */
    if (first == 0xf0 && at[1] < 0x90) return 0;
    if (first == 0xf4 && at[1] > 0x8f) return 0;
    return size;
}

/* A text as it may cross: UTF-8. */
static handler_string_t crossing(tg_text text) {
    const uint8_t *bytes = (const uint8_t *)text.data;
    size_t wrong = 0;
    for (size_t at = 0, size; at < text.size; at += size ? size : 1) {
        size = character(bytes + at, text.size - at);
        wrong += !size;
    }
    if (!wrong) return (handler_string_t){(uint8_t *)text.data, text.size};
    uint8_t *data = allocate(text.size + 2 * wrong), *to = data;
    for (size_t at = 0, size; at < text.size; at += size ? size : 1) {
        size = character(bytes + at, text.size - at);
        if (size) {
            memcpy(to, bytes + at, size);
            to += size;
        } else {
            memcpy(to, "\xef\xbf\xbd", 3);
            to += 3;
        }
    }
    return (handler_string_t){data, (size_t)(to - data)};
}

/* The gateway frees what a handler returns, so the text has to come from malloc. */
static handler_string_t returned(tg_text text) {
    handler_string_t valid = crossing(text);
    uint8_t *data = allocate(valid.len);
    memcpy(data, valid.ptr, valid.len);
    return (handler_string_t){data, valid.len};
}

static handler_list_u8_t bytes_of(tg_text text) {
    return (handler_list_u8_t){(uint8_t *)text.data, text.size};
}

static handler_option_string_t optional(tg_text text) {
    return (handler_option_string_t){text.data != NULL, crossing(text)};
}

static tg_text text_of(handler_string_t string) {
    /* An empty text is no absent one. */
    return (tg_text){string.len ? (const char *)string.ptr : "", string.len};
}

static tg_text text_of_bytes(handler_list_u8_t bytes) {
    return (tg_text){bytes.len ? (const char *)bytes.ptr : "", bytes.len};
}

static tg_text text_or_absent(handler_option_string_t option) {
    return option.is_some ? text_of(option.val) : TG_END;
}

/* Errors */

tg_text tg_error(void) { return first_error; }

void tg_forgive(void) { first_error = TG_END; }

static bool fail(const char *call, tg_text about, tg_text why) {
    if (!first_error.data)
        first_error = tg_join(tg_string(call), TG(" "), about.data ? about : TG(""), TG(": "), why,
                              TG_END);
    return false;
}

static tg_text reason_of_state(uint8_t tag) {
    switch (tag) {
    case TOLLGATE_HANDLER_STATE_ERROR_INVALID_KEY: return TG("a key has 1 to 512 bytes");
    case TOLLGATE_HANDLER_STATE_ERROR_NOT_A_COUNTER: return TG("the value is no counter");
    default: return TG("the effects of this run are too large (`effects` in the manifest)");
    }
}

/* State */

bool tg_state_get(tg_text key, tg_text *value) {
    handler_string_t name = crossing(key);
    handler_option_list_u8_t found;
    tollgate_handler_state_error_t error;
    if (!tollgate_handler_state_get(&name, &found, &error))
        return fail("tg_state_get", key, reason_of_state(error.tag));
    if (found.is_some && value) *value = text_of_bytes(found.val);
    return found.is_some;
}

bool tg_state_set(tg_text key, tg_text value) {
    handler_string_t name = crossing(key);
    handler_list_u8_t bytes = bytes_of(value);
    tollgate_handler_state_error_t error;
    return tollgate_handler_state_set(&name, &bytes, &error) ||
           fail("tg_state_set", key, reason_of_state(error.tag));
}

bool tg_state_delete(tg_text key) {
    handler_string_t name = crossing(key);
    tollgate_handler_state_error_t error;
    return tollgate_handler_state_delete(&name, &error) ||
           fail("tg_state_delete", key, reason_of_state(error.tag));
}

bool tg_state_add(tg_text key, int64_t delta) {
    handler_string_t name = crossing(key);
    tollgate_handler_state_error_t error;
    return tollgate_handler_state_add(&name, delta, &error) ||
           fail("tg_state_add", key, reason_of_state(error.tag));
}

bool tg_state_list(tg_text prefix, tg_text after, uint32_t limit, const tg_pair **entries,
                   size_t *count) {
    handler_string_t begin = crossing(prefix), behind = crossing(after);
    handler_list_tuple2_string_list_u8_t found;
    tollgate_handler_state_error_t error;
    if (!tollgate_handler_state_list(&begin, after.data ? &behind : NULL, limit, &found, &error))
        return fail("tg_state_list", prefix, reason_of_state(error.tag));
    tg_pair *pairs = allocate(found.len * sizeof *pairs);
    for (size_t i = 0; i < found.len; i++)
        pairs[i] = (tg_pair){text_of(found.ptr[i].f0), text_of_bytes(found.ptr[i].f1)};
    *entries = pairs;
    *count = found.len;
    return true;
}

/* Requests and events */

static tg_text reason_of_effect(uint8_t tag, handler_string_t text) {
    switch (tag) {
    case TOLLGATE_HANDLER_OUTBOX_ERROR_INVALID: return text_of(text);
    case TOLLGATE_HANDLER_OUTBOX_ERROR_NOT_ALLOWED:
        return tg_join(text_of(text), TG(" is not in the manifest's `allow`"), TG_END);
    case TOLLGATE_HANDLER_OUTBOX_ERROR_TOO_DEEP:
        return TG("the event ends a chain of emitted events");
    default: return TG("the effects of this run are too large (`effects` in the manifest)");
    }
}

bool tg_send(const tg_request *request) {
    size_t count = request->headers_count;
    handler_tuple2_string_string_t *headers = allocate((count + 1) * sizeof *headers);
    for (size_t i = 0; i < count; i++) {
        headers[i].f0 = crossing(request->headers[i].name);
        headers[i].f1 = crossing(request->headers[i].value);
    }
    if (request->content_type.data || request->body.size) {
        tg_text json = TG("application/json");
        tg_text type = request->content_type.data ? request->content_type : json;
        headers[count].f0 = crossing(TG("content-type"));
        headers[count++].f1 = crossing(type);
    }
    tollgate_handler_outbox_request_t sent = {
        .method = crossing(request->method.data ? request->method : TG("POST")),
        .url = crossing(request->url),
        .headers = {headers, count},
        .body = bytes_of(request->body),
        .order_key = optional(request->order_key),
        .respond = optional(request->respond),
    };
    handler_string_t key;
    tollgate_handler_outbox_error_t error;
    return tollgate_handler_outbox_send(&sent, &key, &error) ||
           fail("tg_send", request->url, reason_of_effect(error.tag, error.val.invalid));
}

bool tg_emit(tg_text kind, tg_text subject, tg_text payload) {
    tollgate_handler_emit_new_event_t event = {
        .kind = crossing(kind),
        .subject = optional(subject),
        .payload = bytes_of(payload),
    };
    handler_string_t key;
    tollgate_handler_emit_error_t error;
    if (tollgate_handler_emit_emit(&event, &key, &error)) return true;
    /* The cases of `emit` are those of `outbox` without `not-allowed`. */
    uint8_t tag = error.tag ? error.tag + 1 : 0;
    return fail("tg_emit", kind, reason_of_effect(tag, error.val.invalid));
}

static bool schedule(const char *call, tg_text key, tollgate_handler_schedule_due_t due,
                     tg_text kind, tg_text payload) {
    handler_string_t name = crossing(key);
    tollgate_handler_schedule_entry_t entry = {
        .due = due, .kind = crossing(kind), .payload = bytes_of(payload)};
    tollgate_handler_schedule_error_t error;
    if (tollgate_handler_schedule_put(&name, &entry, &error)) return true;
    if (error.tag == TOLLGATE_HANDLER_SCHEDULE_ERROR_INVALID)
        return fail(call, key, text_of(error.val.invalid));
    bool large = error.tag == TOLLGATE_HANDLER_SCHEDULE_ERROR_TOO_LARGE;
    return fail(call, key, reason_of_state(large ? TOLLGATE_HANDLER_STATE_ERROR_TOO_LARGE : 0));
}

bool tg_schedule_after(tg_text key, uint64_t after_ms, tg_text kind, tg_text payload) {
    tollgate_handler_schedule_due_t due = {TOLLGATE_HANDLER_SCHEDULE_DUE_AFTER_MS, {after_ms}};
    return schedule("tg_schedule_after", key, due, kind, payload);
}

bool tg_schedule_at(tg_text key, uint64_t at_ms, tg_text kind, tg_text payload) {
    tollgate_handler_schedule_due_t due = {TOLLGATE_HANDLER_SCHEDULE_DUE_AT_MS, {at_ms}};
    return schedule("tg_schedule_at", key, due, kind, payload);
}

bool tg_schedule_cancel(tg_text key) {
    handler_string_t name = crossing(key);
    tollgate_handler_schedule_error_t error;
    return tollgate_handler_schedule_cancel(&name, &error) ||
           fail("tg_schedule_cancel", key, reason_of_state(0));
}

static const tg_pair *pairs_of(handler_list_tuple2_string_string_t list) {
    tg_pair *pairs = allocate(list.len * sizeof *pairs);
    for (size_t i = 0; i < list.len; i++)
        pairs[i] = (tg_pair){text_of(list.ptr[i].f0), text_of(list.ptr[i].f1)};
    return pairs;
}

bool tg_config(tg_text key, tg_text *value) {
    handler_string_t name = crossing(key), found;
    if (!tollgate_handler_config_get(&name, &found)) return false;
    if (value) *value = text_of(found);
    return true;
}

size_t tg_config_entries(const tg_pair **entries) {
    handler_list_tuple2_string_string_t list;
    tollgate_handler_config_entries(&list);
    *entries = pairs_of(list);
    return list.len;
}

static bool told(bool known, tollgate_handler_resolved_answer_t *answer, tg_text *body,
                 uint64_t *read_ms) {
    if (!known) return false;
    if (body) *body = answer->body.is_some ? text_of_bytes(answer->body.val) : TG_END;
    if (read_ms) *read_ms = answer->read_ms;
    return true;
}

bool tg_resolved_object(tg_text *body, uint64_t *read_ms) {
    tollgate_handler_resolved_answer_t answer;
    return told(tollgate_handler_resolved_object(&answer), &answer, body, read_ms);
}

bool tg_resolved_event(tg_text *body, uint64_t *read_ms) {
    tollgate_handler_resolved_answer_t answer;
    return told(tollgate_handler_resolved_event(&answer), &answer, body, read_ms);
}

static void log_line(uint8_t level, tg_text message) {
    handler_string_t text = crossing(message);
    handler_list_tuple2_string_string_t none = {NULL, 0};
    tollgate_handler_log_log(level, &text, &none);
}

void tg_debug(tg_text message) { log_line(TOLLGATE_HANDLER_LOG_LEVEL_DEBUG, message); }
void tg_info(tg_text message) { log_line(TOLLGATE_HANDLER_LOG_LEVEL_INFO, message); }
void tg_warn(tg_text message) { log_line(TOLLGATE_HANDLER_LOG_LEVEL_WARN, message); }

_Noreturn void tg_panic(tg_text message) {
    /* The last line of the log stands before the trap in the attempt. */
    log_line(TOLLGATE_HANDLER_LOG_LEVEL_ERROR, message);
    __builtin_trap();
}

/* The entry */

static tg_result result(uint32_t kind, tg_text reason) {
    return (tg_result){.mark = MARK, .kind = kind, .reason = reason};
}

tg_result tg_done(void) { return result(DONE, TG_END); }
tg_result tg_ignored(tg_text reason) { return result(IGNORED, reason); }
tg_result tg_retry(tg_text reason) { return result(RETRY, reason); }
tg_result tg_reject(tg_text reason) { return result(REJECT, reason); }
tg_result tg_retry_after(tg_text reason, uint64_t after_ms) {
    tg_result retry = result(RETRY, reason);
    retry.has_after = true;
    retry.after_ms = after_ms;
    return retry;
}

bool exports_handler_handle(handler_event_t *from, handler_outcome_t *outcome,
                            handler_failure_t *failure) {
    tg_event event = {
        .id = text_of(from->id),
        .source = text_of(from->source),
        .provider_id = text_or_absent(from->provider_id),
        .kind = text_of(from->kind),
        .subject = text_or_absent(from->subject),
        .account = text_or_absent(from->account),
        .has_created = from->created_ms.is_some,
        .created_ms = from->created_ms.is_some ? from->created_ms.val : 0,
        .received_ms = from->received_ms,
        .attempt = from->attempt,
        .replay = from->replay,
        .headers = pairs_of(from->headers),
        .headers_count = from->headers.len,
        .metadata = pairs_of(from->metadata),
        .metadata_count = from->metadata.len,
        .payload = text_of_bytes(from->payload),
    };
    tg_result end = handle(&event);
    if (end.mark != MARK || end.kind < DONE || end.kind > REJECT)
        tg_panic(TG("handle returned no result: return tg_done(), tg_ignored(), tg_retry() or "
                    "tg_reject() on every path"));
    if (first_error.data && end.kind <= IGNORED) end = tg_reject(first_error);
    switch (end.kind) {
    case DONE: outcome->tag = TOLLGATE_HANDLER_TYPES_OUTCOME_DONE; return true;
    case IGNORED:
        outcome->tag = TOLLGATE_HANDLER_TYPES_OUTCOME_IGNORED;
        outcome->val.ignored = returned(end.reason);
        return true;
    case RETRY:
        failure->tag = TOLLGATE_HANDLER_TYPES_FAILURE_RETRY;
        failure->val.retry.reason = returned(end.reason);
        failure->val.retry.after_ms.is_some = end.has_after;
        failure->val.retry.after_ms.val = end.after_ms;
        return false;
    default:
        failure->tag = TOLLGATE_HANDLER_TYPES_FAILURE_REJECT;
        failure->val.reject = returned(end.reason);
        return false;
    }
}
