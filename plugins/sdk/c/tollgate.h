/* Handlers for Tollgate, a gateway for payment webhooks, in C.
 *
 * A handler is one function:
 *
 *     #include "tollgate.h"
 *
 *     tg_result handle(const tg_event *event) {
 *         int64_t amount;
 *         if (!tg_json_integer(event->payload, "/data/object/amount", &amount))
 *             return tg_reject(TG("the payload has no amount"));
 *         tg_state_add(TG("total"), amount);
 *         return tg_done();
 *     }
 *
 * Memory: every text that this header returns stays valid until the handler returns. Nothing has to
 * be freed, because an instance serves one event.
 *
 * Errors: a call that the gateway refuses returns false, and is remembered. If the handler then
 * ends with tg_done or tg_ignored, the SDK rejects the event with the first error: an error that
 * nobody looks at is never taken for a success. A handler that goes on on purpose calls
 * tg_forgive().
 *
 * Texts that are no UTF-8 are made valid before they cross to the gateway: each wrong byte becomes
 * U+FFFD. Bodies, payloads and values of state are bytes, and cross as they are.
 */
#ifndef TOLLGATE_H
#define TOLLGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text or bytes, without a zero at the end. `data` is NULL for an absent text. */
typedef struct tg_text {
    const char *data;
    size_t size;
} tg_text;

/* A literal as a text. */
#define TG(literal) ((tg_text){"" literal, sizeof(literal) - 1})

/* A C string as a text. NULL is an absent text. */
tg_text tg_string(const char *string);

/* Whether two texts are the same. */
bool tg_equal(tg_text one, tg_text other);

/* The texts up to the first absent one, joined: tg_join(TG("seen/"), id, TG_END). */
tg_text tg_join(tg_text first, ...);
#define TG_END ((tg_text){NULL, 0})

/* A number in decimal. */
tg_text tg_number(int64_t number);

/* A name and a value. */
typedef struct tg_pair {
    tg_text name, value;
} tg_pair;

/* The event. Times are milliseconds since the Unix epoch. */
typedef struct tg_event {
    tg_text id;          /* the gateway's id: a UUID */
    tg_text source;      /* the source in the manifest, or handler:NAME */
    tg_text provider_id; /* the provider's own id; absent if the provider sends none */
    tg_text kind;        /* the event type, such as payment_intent.succeeded */
    tg_text subject;     /* the id of the object; may be absent */
    tg_text account;     /* the connected account; may be absent */
    bool has_created;    /* whether the provider says when the event happened */
    uint64_t created_ms;
    uint64_t received_ms;
    uint32_t attempt; /* the first attempt is 1 */
    bool replay;      /* whether an operator asked for a replay */
    const tg_pair *headers;
    size_t headers_count;
    const tg_pair *metadata;
    size_t metadata_count;
    tg_text payload; /* the exact bytes of the event */
} tg_event;

/* What a handler returns. Only the functions below make one: a result that was never set is an
 * error, and not `done`. */
typedef struct tg_result {
    uint32_t mark, kind;
    tg_text reason;
    bool has_after;
    uint64_t after_ms;
} tg_result;

/* The handler acted on the event. */
tg_result tg_done(void);
/* The event needs no action. The effects are committed too. */
tg_result tg_ignored(tg_text reason);
/* Try again later, by the retry policy. Nothing of the run is committed. */
tg_result tg_retry(tg_text reason);
/* Try again, not before this many milliseconds have passed. */
tg_result tg_retry_after(tg_text reason, uint64_t after_ms);
/* Another attempt would not help: the delivery becomes a dead letter. */
tg_result tg_reject(tg_text reason);

/* You write this function. */
tg_result handle(const tg_event *event);

/* The first error of a call so far; absent if there is none. */
tg_text tg_error(void);
/* Forgets the error. */
void tg_forgive(void);

/* State: durable keys and values of this handler alone. A key has 1 to 512 bytes. */
bool tg_state_get(tg_text key, tg_text *value); /* false if the key is absent, or after an error */
bool tg_state_set(tg_text key, tg_text value);
bool tg_state_delete(tg_text key);
bool tg_state_add(tg_text key, int64_t delta); /* a counter that never conflicts */
/* The entries whose keys begin with `prefix`, at most `limit` and at most 1,000, behind the key
 * `after` (or TG_END). `entries` points to `count` pairs. */
bool tg_state_list(tg_text prefix, tg_text after, uint32_t limit, const tg_pair **entries,
                   size_t *count);

/* A request that goes out after the commit, at least once, with an Idempotency-Key. */
typedef struct tg_request {
    tg_text method; /* POST if absent */
    tg_text url;    /* its origin must be in the manifest's `allow` */
    tg_text body;
    tg_text content_type; /* application/json if absent and there is a body */
    tg_text order_key;    /* requests with the same key go out in order */
    tg_text respond;      /* if set, the answer comes back as an event outbox.response */
    const tg_pair *headers;
    size_t headers_count;
} tg_request;
bool tg_send(const tg_request *request);

/* A new event for the routes, with the source handler:NAME. `subject` may be absent. */
bool tg_emit(tg_text kind, tg_text subject, tg_text payload);

/* An event to this handler, for later. The same key replaces the entry. */
bool tg_schedule_after(tg_text key, uint64_t after_ms, tg_text kind, tg_text payload);
bool tg_schedule_at(tg_text key, uint64_t at_ms, tg_text kind, tg_text payload);
bool tg_schedule_cancel(tg_text key);

/* A value of `config` in the manifest: a text, or the JSON of another value. */
bool tg_config(tg_text key, tg_text *value);
/* All of `config`: returns the number of pairs that `entries` points to. */
size_t tg_config_entries(const tg_pair **entries);

/* What the provider's API told of a thin event: false if the gateway did not ask. `body` is absent
 * if the thing is gone. */
bool tg_resolved_object(tg_text *body, uint64_t *read_ms);
bool tg_resolved_event(tg_text *body, uint64_t *read_ms);

/* A line in the log that the gateway keeps with the attempt. */
void tg_debug(tg_text message);
void tg_info(tg_text message);
void tg_warn(tg_text message);

/* Ends the run: the message reaches the log and the attempt. Nothing of the run is committed. */
_Noreturn void tg_panic(tg_text message);

/* JSON, read in place by JSON pointers such as /data/object/id. False if the text is no JSON up to
 * there, if the value is absent, or if it has another type. */
bool tg_json_find(tg_text json, const char *pointer, tg_text *raw); /* the JSON text of the value */
bool tg_json_string(tg_text json, const char *pointer, tg_text *text);
bool tg_json_integer(tg_text json, const char *pointer, int64_t *number); /* no fractions, exact */
bool tg_json_bool(tg_text json, const char *pointer, bool *value);
/* A text as a JSON string, in quotes. */
tg_text tg_json_quoted(tg_text text);

#endif
