// Handlers for Tollgate, a gateway for payment webhooks, in AssemblyScript.
//
// handler.ts exports one function:
//
//   import { Event, Result, done, reject, state, json } from "./sdk";
//
//   export function onEvent(event: Event): Result {
//     if (!json.isInteger(event.payload, "/data/object/amount")) return reject("there is no amount");
//     state.add("total", json.integer(event.payload, "/data/object/amount"));
//     return done();
//   }
//
// Errors: a call that the gateway refuses makes the event a dead letter with the reason, unless the
// handler itself ends with retry or reject, or calls forgive(). `throw` ends the run: AssemblyScript
// cannot catch. Its message and place are in the attempt.
//
// An instance serves one event, so memory is never given back.

import * as abi from "./abi";

export { json } from "./json";

/** The event. Times are milliseconds since the Unix epoch. */
export class Event {
  /** The gateway's id: a UUID. */
  id: string = "";
  /** The source in the manifest, or handler:NAME. */
  source: string = "";
  /** The provider's own id. */
  providerId: string | null = null;
  /** The event type, such as payment_intent.succeeded. */
  kind: string = "";
  /** The id of the object that the event is about. */
  subject: string | null = null;
  /** The connected account or merchant. */
  account: string | null = null;
  /** Whether the provider says when the event happened. */
  hasCreated: bool = false;
  createdMs: u64 = 0;
  receivedMs: u64 = 0;
  /** The first attempt is 1. */
  attempt: u32 = 1;
  /** Whether an operator asked for a replay. */
  replay: bool = false;
  /** Pairs of name (in lower case) and value. */
  headers: string[][] = [];
  metadata: string[][] = [];
  /** The exact bytes of the event. */
  payload: Uint8Array = new Uint8Array(0);
}

const enum Kind {
  Done,
  Ignored,
  Retry,
  Reject,
}

/** What a handler returns: done, ignored, retry or reject makes one. */
export class Result {
  /** The shortest wait before the next attempt; negative leaves it to the retry policy. */
  afterMs: i64 = -1;

  constructor(public kind: i32, public reason: string) {}
}

/** The handler acted on the event. */
export function done(): Result {
  return new Result(Kind.Done, "");
}

/** The event needs no action. The effects are committed too. */
export function ignored(reason: string): Result {
  return new Result(Kind.Ignored, reason);
}

/** Try again later; nothing of the run is committed. */
export function retry(reason: string, afterMs: i64 = -1): Result {
  const result = new Result(Kind.Retry, reason);
  result.afterMs = afterMs;
  return result;
}

/** Another attempt would not help: the delivery becomes a dead letter. */
export function reject(reason: string): Result {
  return new Result(Kind.Reject, reason);
}

let firstError: string | null = null;

/** The first error of a call so far. */
export function error(): string | null {
  return firstError;
}

/** Forgets the error. */
export function forgive(): void {
  firstError = null;
}

function fail(call: string, about: string, why: string): bool {
  if (!firstError) firstError = `${call} ${about}: ${why}`;
  return false;
}

const TOO_LARGE = "the effects of this run are too large (`effects` in the manifest)";

function stateError(tag: u8): string {
  if (tag == 0) return "a key has 1 to 512 bytes";
  return tag == 1 ? "the value is no counter" : TOO_LARGE;
}

/** Whether a result without a value is one of success. */
function unit(call: string, key: string, result: usize): bool {
  return load<u8>(result) == 0 || fail(call, key, stateError(load<u8>(result, 1)));
}

/** Durable keys and values of this handler alone. A key has 1 to 512 bytes. */
export namespace state {
  /** The value of a key; null if the key is absent, or after an error. */
  export function get(key: string): Uint8Array | null {
    const name = abi.lower(key);
    const result = abi.allocate(16);
    abi.wasmStateGet(name.at, name.size, result);
    if (load<u8>(result)) {
      fail("state.get", key, stateError(load<u8>(result, 4)));
      return null;
    }
    return load<u8>(result, 4) ? abi.bytes(load<u32>(result, 8), load<u32>(result, 12)) : null;
  }

  export function set(key: string, value: Uint8Array): bool {
    const name = abi.lower(key);
    const result = abi.allocate(2);
    abi.wasmStateSet(name.at, name.size, value.dataStart, value.length, result);
    return unit("state.set", key, result);
  }

  export function setText(key: string, value: string): bool {
    return set(key, Uint8Array.wrap(String.UTF8.encode(value, false, String.UTF8.ErrorMode.REPLACE)));
  }

  export function remove(key: string): bool {
    const name = abi.lower(key);
    const result = abi.allocate(2);
    abi.wasmStateDelete(name.at, name.size, result);
    return unit("state.remove", key, result);
  }

  /** Adds to a counter, which never conflicts with other deliveries. */
  export function add(key: string, delta: i64): bool {
    const name = abi.lower(key);
    const result = abi.allocate(2);
    abi.wasmStateAdd(name.at, name.size, delta, result);
    return unit("state.add", key, result);
  }

  /** The keys that begin with a prefix, at most `limit` and at most 1,000, behind `after`. */
  export function keys(prefix: string, after: string | null = null, limit: u32 = 1000): string[] {
    const begin = abi.lower(prefix);
    const behind = abi.lower(after ? after : "");
    const result = abi.allocate(12);
    abi.wasmStateList(begin.at, begin.size, after ? 1 : 0, behind.at, behind.size, limit, result);
    const found: string[] = [];
    if (load<u8>(result)) {
      fail("state.keys", prefix, stateError(load<u8>(result, 4)));
      return found;
    }
    let entry: usize = load<u32>(result, 4);
    for (let left = load<u32>(result, 8); left > 0; left--) {
      found.push(abi.text(load<u32>(entry), load<u32>(entry, 4)));
      entry += 16;
    }
    return found;
  }
}

/** A request that goes out after the commit, at least once, with an Idempotency-Key. */
export class Request {
  method: string = "POST";
  body: Uint8Array = new Uint8Array(0);
  headers: string[][] = [];
  /** Requests with the same key go out in order. */
  orderKey: string | null = null;
  /** If set, the answer comes back as an event outbox.response with this subject. */
  respond: string | null = null;

  /** The origin of the URL must be in the manifest's `allow`. */
  constructor(public url: string) {}

  /** Sets a JSON text as the body. */
  json(text: string): Request {
    this.body = Uint8Array.wrap(String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE));
    this.headers.push(["content-type", "application/json"]);
    return this;
  }

  /** Keeps requests with the same key in order. */
  ordered(key: string): Request {
    this.orderKey = key;
    return this;
  }

  /** Queues the request. */
  send(): bool {
    const method = abi.lower(this.method);
    const url = abi.lower(this.url);
    const order = abi.lower(this.orderKey ? this.orderKey! : "");
    const respond = abi.lower(this.respond ? this.respond! : "");
    const result = abi.allocate(16);
    abi.wasmOutboxSend(
      method.at, method.size, url.at, url.size, abi.lowerPairs(this.headers), this.headers.length,
      this.body.dataStart, this.body.length, this.orderKey ? 1 : 0, order.at, order.size,
      this.respond ? 1 : 0, respond.at, respond.size, result,
    );
    if (!load<u8>(result)) return true;
    const tag = load<u8>(result, 4);
    if (tag > 1) return fail("send", this.url, tag == 2 ? TOO_DEEP : TOO_LARGE);
    const why = abi.text(load<u32>(result, 8), load<u32>(result, 12));
    return fail("send", this.url, tag ? `${why} is not in the manifest's \`allow\`` : why);
  }
}

const TOO_DEEP = "the event ends a chain of emitted events";

/** Sends an event to the routes, with the source handler:NAME. */
export function emit(kind: string, payload: Uint8Array, subject: string | null = null): bool {
  const name = abi.lower(kind);
  const about = abi.lower(subject ? subject : "");
  const result = abi.allocate(16);
  abi.wasmEmit(name.at, name.size, subject ? 1 : 0, about.at, about.size, payload.dataStart, payload.length, result);
  if (!load<u8>(result)) return true;
  const tag = load<u8>(result, 4);
  if (tag) return fail("emit", kind, tag == 1 ? TOO_DEEP : TOO_LARGE);
  return fail("emit", kind, abi.text(load<u32>(result, 8), load<u32>(result, 12)));
}

/** Events to this handler, for later. The same key replaces the entry. */
export namespace schedule {
  export function after(key: string, millis: u64, kind: string, payload: Uint8Array): bool {
    return put(key, 0, millis, kind, payload);
  }

  export function at(key: string, millis: u64, kind: string, payload: Uint8Array): bool {
    return put(key, 1, millis, kind, payload);
  }

  function put(key: string, due: i32, millis: u64, kind: string, payload: Uint8Array): bool {
    const name = abi.lower(key);
    const event = abi.lower(kind);
    const result = abi.allocate(16);
    abi.wasmSchedulePut(
      name.at, name.size, due, <i64>millis, event.at, event.size, 0, 0, 0, payload.dataStart, payload.length, result,
    );
    return ended("schedule", key, result);
  }

  export function cancel(key: string): bool {
    const name = abi.lower(key);
    const result = abi.allocate(16);
    abi.wasmScheduleCancel(name.at, name.size, result);
    return ended("schedule.cancel", key, result);
  }

  function ended(call: string, key: string, result: usize): bool {
    if (!load<u8>(result)) return true;
    const tag = load<u8>(result, 4);
    if (tag == 1) return fail(call, key, abi.text(load<u32>(result, 8), load<u32>(result, 12)));
    return fail(call, key, tag ? TOO_LARGE : stateError(0));
  }
}

/** A value of `config` in the manifest; null if there is none. */
export function config(key: string): string | null {
  const name = abi.lower(key);
  const result = abi.allocate(12);
  abi.wasmConfigGet(name.at, name.size, result);
  return abi.optionalText(result);
}

/** All of `config` in the manifest: pairs of key and value. */
export function configEntries(): string[][] {
  const result = abi.allocate(8);
  abi.wasmConfigEntries(result);
  return abi.pairs(result);
}

/** What the provider's API told of a thin event. */
export class Answer {
  /** The JSON of the answer; null if the thing is gone. */
  body: Uint8Array | null = null;

  constructor(public readMs: u64) {}
}

function answer(result: usize): Answer | null {
  if (!load<u8>(result)) return null;
  const answer = new Answer(load<u64>(result, 8));
  if (load<u8>(result, 16)) answer.body = abi.bytes(load<u32>(result, 20), load<u32>(result, 24));
  return answer;
}

/** The object and the whole thin event; null if the gateway did not ask. */
export namespace resolved {
  export function object(): Answer | null {
    const result = abi.allocate(32);
    abi.wasmResolvedObject(result);
    return answer(result);
  }

  export function event(): Answer | null {
    const result = abi.allocate(32);
    abi.wasmResolvedEvent(result);
    return answer(result);
  }
}

/** Lines in the log that the gateway keeps with the attempt. Fields are pairs of name and value. */
export namespace log {
  export function debug(message: string, fields: string[][] = []): void {
    abi.logLine(1, message, fields);
  }

  export function info(message: string, fields: string[][] = []): void {
    abi.logLine(2, message, fields);
  }

  export function warn(message: string, fields: string[][] = []): void {
    abi.logLine(3, message, fields);
  }
}

/** The event at an address, for the entry. */
export function eventAt(at: usize): Event {
  const event = new Event();
  event.id = abi.text(load<u32>(at), load<u32>(at, 4));
  event.source = abi.text(load<u32>(at, 8), load<u32>(at, 12));
  event.providerId = abi.optionalText(at + 16);
  event.kind = abi.text(load<u32>(at, 28), load<u32>(at, 32));
  event.subject = abi.optionalText(at + 36);
  event.account = abi.optionalText(at + 48);
  event.hasCreated = load<u8>(at, 64) != 0;
  event.createdMs = load<u64>(at, 72);
  event.receivedMs = load<u64>(at, 80);
  event.attempt = load<u32>(at, 88);
  event.replay = load<u8>(at, 92) != 0;
  event.headers = abi.pairs(at + 96);
  event.metadata = abi.pairs(at + 104);
  event.payload = abi.bytes(load<u32>(at, 112), load<u32>(at, 116));
  return event;
}

/** The answer of a handler, for the entry. An error that nobody looked at is no success. */
export function answerAt(given: Result): usize {
  let result = given;
  const unseen = firstError;
  if (unseen && result.kind <= Kind.Ignored) result = reject(unseen);
  const at = abi.allocate(40);
  if (result.kind == Kind.Done) return at;
  const reason = abi.lower(result.reason);
  const isFailure = result.kind >= Kind.Retry;
  store<u8>(at, isFailure ? 1 : 0);
  if (result.kind != Kind.Retry) store<u8>(at, 1, 8);
  const place = at + (isFailure ? 16 : 12);
  store<u32>(place, reason.at);
  store<u32>(place, reason.size, 4);
  if (result.kind == Kind.Retry && result.afterMs >= 0) {
    store<u8>(at, 1, 24);
    store<u64>(at, <u64>result.afterMs, 32);
  }
  return at;
}
