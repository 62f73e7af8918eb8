/**
 * Handlers for Tollgate, a gateway for payment webhooks, in D.
 *
 * handler.d has one function:
 * ---
 * import tollgate;
 *
 * Outcome onEvent(ref const Event event)
 * {
 *     long amount;
 *     if (!event.payload.integer("/data/object/amount", amount))
 *         return reject("the payload has no amount");
 *     state.add("total", amount);
 *     return done();
 * }
 *
 * mixin register!onEvent;
 * ---
 *
 * Handlers are compiled with `-betterC`: there is no garbage collector and there are no exceptions.
 * A text is a slice; an absent text is `null`. Every text that this module returns stays valid until
 * the handler returns. Nothing has to be freed, because an instance serves one event.
 *
 * Errors: a call that the gateway refuses returns false, and is remembered. If the handler then ends
 * with `done` or `ignored`, the event is rejected with the first error. A handler that goes on on
 * purpose calls `forgive`. A failed `assert` and a wrong index end the run; the message and the place
 * are in the attempt.
 *
 * Texts that are no UTF-8 are made valid before they cross to the gateway. Bodies, payloads and
 * values of state are bytes, and cross as they are.
 */
module tollgate;

/// A text or bytes.
alias Text = const(char)[];

/// A name and a value.
struct Pair
{
    Text name, value;
}

/// The event. Times are milliseconds since the Unix epoch.
struct Event
{
    Text id; /// the gateway's id: a UUID
    Text source; /// the source in the manifest, or `handler:NAME`
    Text providerId; /// the provider's own id; `null` if the provider sends none
    Text kind; /// the event type, such as `payment_intent.succeeded`
    Text subject; /// the id of the object; may be `null`
    Text account; /// the connected account; may be `null`
    bool hasCreated; /// whether the provider says when the event happened
    ulong createdMs;
    ulong receivedMs;
    uint attempt; /// the first attempt is 1
    bool replay; /// whether an operator asked for a replay
    const(Pair)[] headers;
    const(Pair)[] metadata;
    Text payload; /// the exact bytes of the event
}

/// What a handler returns. Only the functions below make one: an outcome that was never set is an
/// error, and not `done`.
struct Outcome
{
    private RawOutcome raw;
}

/// The handler acted on the event.
Outcome done()
{
    return Outcome(tg_done());
}

/// The event needs no action. The effects are committed too.
Outcome ignored(Text reason)
{
    return Outcome(tg_ignored(raw(reason)));
}

/// Try again later, by the retry policy. Nothing of the run is committed.
Outcome retry(Text reason)
{
    return Outcome(tg_retry(raw(reason)));
}

/// Try again, not before this many milliseconds have passed.
Outcome retryAfter(Text reason, ulong ms)
{
    return Outcome(tg_retry_after(raw(reason), ms));
}

/// Another attempt would not help: the delivery becomes a dead letter.
Outcome reject(Text reason)
{
    return Outcome(tg_reject(raw(reason)));
}

/// The first error of a call so far; `null` if there is none.
Text error()
{
    return slice(tg_error());
}

/// Forgets the error.
void forgive()
{
    tg_forgive();
}

/// State: durable keys and values of this handler alone. A key has 1 to 512 bytes.
struct state
{
static:
    /// Whether the key is there, and its value. False after an error, too.
    bool get(Text key, out Text value)
    {
        RawText found;
        const there = tg_state_get(raw(key), &found);
        if (there)
            value = slice(found);
        return there;
    }

    bool has(Text key)
    {
        return tg_state_get(raw(key), null);
    }

    bool set(Text key, Text value)
    {
        return tg_state_set(raw(key), raw(value));
    }

    bool remove(Text key)
    {
        return tg_state_delete(raw(key));
    }

    /// A counter that never conflicts with other deliveries.
    bool add(Text key, long delta)
    {
        return tg_state_add(raw(key), delta);
    }

    /// The entries whose keys begin with `prefix`, in order: at most `limit` and at most 1,000,
    /// behind the key `after`.
    bool list(Text prefix, out Pair[] entries, uint limit = 1000, Text after = null)
    {
        const(RawPair)* found;
        size_t count;
        if (!tg_state_list(raw(prefix), raw(after), limit, &found, &count))
            return false;
        entries = pairs(found, count);
        return true;
    }
}

/// Events to this handler, for later. The same key replaces the entry.
struct schedule
{
static:
    bool after(Text key, ulong ms, Text kind, Text payload = "")
    {
        return tg_schedule_after(raw(key), ms, raw(kind), raw(payload));
    }

    /// At a time in milliseconds since the Unix epoch.
    bool at(Text key, ulong ms, Text kind, Text payload = "")
    {
        return tg_schedule_at(raw(key), ms, raw(kind), raw(payload));
    }

    bool cancel(Text key)
    {
        return tg_schedule_cancel(raw(key));
    }
}

/// A request that goes out after the commit, at least once, with an Idempotency-Key.
struct HttpRequest
{
    Text url; /// its origin must be in the manifest's `allow`
    Text body;
    Text method = "POST";
    Text contentType; /// `application/json` if `null` and there is a body
    Text orderKey; /// requests with the same key go out in order
    Text respond; /// if set, the answer comes back as an event `outbox.response`
    const(Pair)[] headers;
}

/// Queues a request.
bool send(HttpRequest request)
{
    auto headers = cast(RawPair*) memory(request.headers.length * RawPair.sizeof);
    foreach (i, ref header; request.headers)
        headers[i] = RawPair(raw(header.name), raw(header.value));
    const whole = RawRequest(raw(request.method), raw(request.url), raw(request.body),
        raw(request.contentType), raw(request.orderKey), raw(request.respond), headers,
        request.headers.length);
    return tg_send(&whole);
}

/// An event for the routes, with the source `handler:NAME`. `subject` may be `null`.
bool emit(Text kind, Text subject, Text payload)
{
    return tg_emit(raw(kind), raw(subject), raw(payload));
}

/// `config` in the manifest: a text, or the JSON of another value. `null` without the key.
Text config(Text key)
{
    RawText found;
    return tg_config(raw(key), &found) ? there(found) : null;
}

/// All of `config`.
Pair[] configEntries()
{
    const(RawPair)* found;
    const count = tg_config_entries(&found);
    return pairs(found, count);
}

/// What the provider's API told of a thin event, and when. `body` is `null` if the thing is gone.
struct Resolved
{
    Text body;
    ulong readMs;
}

/// The object of a thin event, as it is today. False if the gateway did not ask.
bool resolvedObject(out Resolved resolved)
{
    RawText found;
    const asked = tg_resolved_object(&found, &resolved.readMs);
    resolved.body = slice(found);
    return asked;
}

/// The whole event of a thin event. False if the gateway did not ask.
bool resolvedEvent(out Resolved resolved)
{
    RawText found;
    const asked = tg_resolved_event(&found, &resolved.readMs);
    resolved.body = slice(found);
    return asked;
}

/// Lines in the log that the gateway keeps with the attempt.
struct log
{
static:
    void debug_(Text message)
    {
        tg_debug(raw(message));
    }

    void info(Text message)
    {
        tg_info(raw(message));
    }

    void warn(Text message)
    {
        tg_warn(raw(message));
    }
}

/// Texts and whole numbers, joined: `join("total/", currency)`.
Text join(Parts...)(Parts parts)
{
    Text[Parts.length] texts;
    size_t size;
    static foreach (i, Part; Parts)
    {
        static if (is(Part : Text))
            texts[i] = parts[i];
        else static if (is(Part : long))
            texts[i] = slice(tg_number(parts[i]));
        else
            static assert(0, "join takes texts and whole numbers, not " ~ Part.stringof);
        size += texts[i].length;
    }
    auto joined = cast(char*) memory(size);
    size_t at;
    foreach (text; texts)
        foreach (letter; text)
            joined[at++] = letter;
    return joined[0 .. size];
}

/// The JSON text of the value at a JSON pointer such as `/data/object`. False if the text is no JSON
/// up to there or if the value is absent. The pointer must be a literal.
bool find(Text json, string pointer, out Text value)
{
    RawText found;
    const is_there = tg_json_find(raw(json), pointer.ptr, &found);
    value = slice(found);
    return is_there;
}

/// A JSON string, without its escapes.
bool text(Text json, string pointer, out Text value)
{
    RawText found;
    const is_text = tg_json_string(raw(json), pointer.ptr, &found);
    value = is_text ? there(found) : null;
    return is_text;
}

/// An integer. A fraction, or a number beyond 64 bits, is none, and nothing is rounded.
bool integer(Text json, string pointer, out long value)
{
    return tg_json_integer(raw(json), pointer.ptr, &value);
}

/// `true` or `false`.
bool boolean(Text json, string pointer, out bool value)
{
    return tg_json_bool(raw(json), pointer.ptr, &value);
}

/// A text as a JSON string, in quotes.
Text quoted(Text plain)
{
    return slice(tg_json_quoted(raw(plain)));
}

/// Makes a function the handler.
mixin template register(alias handler)
{
    extern (C) RawOutcome handle(const(RawEvent)* from)
    {
        const event = fromRaw(*from);
        return opened(handler(event));
    }
}

// For `register` alone.
RawOutcome opened(Outcome outcome)
{
    return outcome.raw;
}

// For `register` alone.
Event fromRaw(ref const RawEvent from)
{
    return Event(slice(from.id), slice(from.source), slice(from.provider_id), slice(from.kind),
        slice(from.subject), slice(from.account), from.has_created, from.created_ms,
        from.received_ms, from.attempt, from.replay, pairs(from.headers, from.headers_count),
        pairs(from.metadata, from.metadata_count), there(from.payload));
}

private:

RawText raw(Text text)
{
    return RawText(text.ptr, text.length);
}

Text slice(RawText text)
{
    return text.data ? text.data[0 .. text.size] : null;
}

// A text that is there, even if empty.
Text there(RawText text)
{
    return text.data ? text.data[0 .. text.size] : "";
}

Pair[] pairs(const(RawPair)* from, size_t count)
{
    auto made = cast(Pair*) memory(count * Pair.sizeof);
    foreach (i; 0 .. count)
        made[i] = Pair(there(from[i].name), there(from[i].value));
    return made[0 .. count];
}

void* memory(size_t size)
{
    auto got = malloc(size ? size : 1);
    assert(got, "out of memory");
    return got;
}

public extern (C):

struct RawText
{
    const(char)* data;
    size_t size;
}

struct RawPair
{
    RawText name, value;
}

struct RawEvent
{
    RawText id, source, provider_id, kind, subject, account;
    bool has_created;
    ulong created_ms, received_ms;
    uint attempt;
    bool replay;
    const(RawPair)* headers;
    size_t headers_count;
    const(RawPair)* metadata;
    size_t metadata_count;
    RawText payload;
}

struct RawOutcome
{
    uint mark, kind;
    RawText reason;
    bool has_after;
    ulong after_ms;
}

struct RawRequest
{
    RawText method, url, body, content_type, order_key, respond;
    const(RawPair)* headers;
    size_t headers_count;
}

private:

void* malloc(size_t size);
RawOutcome tg_done();
RawOutcome tg_ignored(RawText reason);
RawOutcome tg_retry(RawText reason);
RawOutcome tg_retry_after(RawText reason, ulong after_ms);
RawOutcome tg_reject(RawText reason);
RawText tg_error();
void tg_forgive();
bool tg_state_get(RawText key, RawText* value);
bool tg_state_set(RawText key, RawText value);
bool tg_state_delete(RawText key);
bool tg_state_add(RawText key, long delta);
bool tg_state_list(RawText prefix, RawText after, uint limit, const(RawPair)** entries,
    size_t* count);
bool tg_send(const(RawRequest)* request);
bool tg_emit(RawText kind, RawText subject, RawText payload);
bool tg_schedule_after(RawText key, ulong after_ms, RawText kind, RawText payload);
bool tg_schedule_at(RawText key, ulong at_ms, RawText kind, RawText payload);
bool tg_schedule_cancel(RawText key);
bool tg_config(RawText key, RawText* value);
size_t tg_config_entries(const(RawPair)** entries);
bool tg_resolved_object(RawText* body, ulong* read_ms);
bool tg_resolved_event(RawText* body, ulong* read_ms);
void tg_debug(RawText message);
void tg_info(RawText message);
void tg_warn(RawText message);
void tg_panic(RawText message);
RawText tg_number(long number);
bool tg_json_find(RawText json, const(char)* pointer, RawText* found);
bool tg_json_string(RawText json, const(char)* pointer, RawText* found);
bool tg_json_integer(RawText json, const(char)* pointer, long* number);
bool tg_json_bool(RawText json, const(char)* pointer, bool* value);
RawText tg_json_quoted(RawText plain);

/// A failed check of the language: the message and the place reach the attempt.
public void __assert(const(char)* message, const(char)* file, int line)
{
    Text of(const(char)* string)
    {
        size_t size;
        while (string[size])
            size++;
        return string[0 .. size];
    }

    tg_panic(raw(join(of(file), ":", line, ": ", of(message))));
}
