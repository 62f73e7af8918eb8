// One run of a handler in the gateway in memory: what it read and what it asked for.

import { parse } from "../json.js";
import { decode, encode } from "../text.js";

/** The longest key in bytes, as in the gateway. */
const MAX_KEY = 512;
const I64 = 1n << 63n;

export class Run {
  /** The outcome, or the Retry or Reject that was thrown. */
  result;
  sent = [];
  emitted = [];
  /** Entries by key; null for a cancelled one. */
  scheduled = new Map();
  logs = [];

  constructor({ state, config, allowed, resolved, key }) {
    this.state = state;
    Object.defineProperty(this, "host", {
      value: this.#host({ config, allowed, resolved, key }),
    });
  }

  /** Drops the effects of a run that failed. */
  forget() {
    this.sent = [];
    this.emitted = [];
    this.scheduled = new Map();
  }

  #host({ config, allowed, resolved, key }) {
    return {
      config: {
        get: (name) => config.get(name) ?? null,
        entries: () => [...config].sort(([a], [b]) => (a < b ? -1 : 1)),
      },
      log: { log: (level, message, fields) => this.logs.push({ level, message, fields }) },
      state: this.#stateCalls(),
      outbox: { send: (request) => this.#send(request, allowed, key) },
      emit: { emit: (event) => this.#emit(event, key) },
      schedule: {
        put: (name, entry) => this.#put(name, entry),
        cancel: (name) => void this.scheduled.set(checked(name), null),
      },
      resolved: { object: () => resolved, event: () => null },
    };
  }

  #stateCalls() {
    const state = this.state;
    return {
      get: (key) => state.get(checked(key)) ?? null,
      set: (key, value) => void state.set(checked(key), value),
      delete: (key) => void state.delete(checked(key)),
      list: (prefix, after, limit) =>
        [...state]
          .filter(([key]) => key.startsWith(prefix) && (after === null || key > after))
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .slice(0, limit),
      add: (key, delta) => {
        const text = decode(state.get(checked(key)) ?? encode("0"));
        if (!/^-?\d{1,19}$/.test(text ?? "")) fail("not-a-counter");
        const sum = BigInt(text) + BigInt(delta);
        if (sum >= I64 || sum < -I64) fail("not-a-counter");
        state.set(key, encode(String(sum)));
      },
    };
  }

  #send(request, allowed, key) {
    let origin;
    try {
      origin = new URL(request.url).origin;
    } catch {
      fail("invalid", `${request.url} is no absolute URL`);
    }
    if (allowed && !allowed.includes(origin)) fail("not-allowed", origin);
    const number = this.sent.length;
    this.sent.push({
      ...request,
      key: `${key}-${number}`,
      text: () => decode(request.body),
      json: () => parse(decode(request.body)),
    });
    return `${key}-${number}`;
  }

  #emit(event, key) {
    this.emitted.push({ ...event, json: () => parse(decode(event.payload)) });
    return `${key}-event-${this.emitted.length}`;
  }

  #put(name, { due, kind, subject, payload }) {
    const when = due.tag === "after-ms" ? { afterMs: due.val } : { dueMs: due.val };
    this.scheduled.set(checked(name), { ...when, kind, subject, payload });
  }
}

function checked(key) {
  const size = encode(key).length;
  if (size < 1 || size > MAX_KEY) fail("invalid-key");
  return key;
}

/** Fails as the binding does: an error with the variant in its payload. */
function fail(tag, val) {
  throw Object.assign(new Error(tag), { payload: { tag, val } });
}
