// A gateway in memory, for the tests of handlers: it keeps their state, requests, events and
// schedule, and applies the effects of a run only if the run succeeds, as the gateway does.

import { bytes, pairs } from "../check.js";
import { Reject, Retry } from "../errors.js";
import { fetchBy } from "../fetch/fetch.js";
import { Event } from "../event.js";
import { use } from "../host.js";
import { outcomeOf } from "../outcome.js";
import { parse, stringify } from "../json.js";
import { decode, encode } from "../text.js";
import { response, wrap } from "./events.js";
import { Run } from "./run.js";

/** A gateway in memory. */
export class Host {
  #state = new Map();
  #config = new Map();
  #allowed = null;
  #resolved = new Map();
  #answers = [];
  /** The entries of the schedule by key: `{ dueMs, kind, subject, payload }`. */
  scheduled = new Map();
  /** The requests of all runs that succeeded, in order. */
  sent = [];
  /** The events that all runs emitted, in order. */
  emitted = [];
  /** The time, in milliseconds since the Unix epoch. */
  nowMs = 1_760_000_000_000;

  /** Sets a value of the handler's config. Values that are no text become their JSON. */
  config(key, value) {
    this.#config.set(key, typeof value === "string" ? value : stringify(value));
    return this;
  }

  /** Lets requests go to this origin alone, and those named before. Without a call, to any. */
  allow(origin) {
    this.#allowed = [...(this.#allowed ?? []), origin];
    return this;
  }

  /** Sets what the provider's API tells of an event's object; undefined if it is gone. */
  resolve(event, object) {
    this.#resolved.set(event.id, {
      readMs: event.receivedMs + 1000,
      body: object === undefined ? null : encode(stringify(object)),
    });
    return this;
  }

  /**
   * Prepares the answer to the next `fetch` of this method and URL: a status, or an object with
   * `status`, `headers` and `body`. A `fetch` without a prepared answer is denied.
   */
  answer(method, url, answer) {
    const given = typeof answer === "number" ? { status: answer } : answer;
    const { status = 200, headers = {}, body = "" } = given;
    const text = typeof body === "string" || body instanceof Uint8Array;
    this.#answers.push({
      request: `${method} ${url}`,
      answer: {
        status,
        headers: pairs(headers, "answer: headers").map(([name, value]) => [
          name.toLowerCase(),
          value,
        ]),
        body: bytes(text ? body : stringify(body), "answer: body"),
      },
    });
    return this;
  }

  #send({ method, url }) {
    const at = this.#answers.findIndex(({ request }) => request === `${method} ${url}`);
    if (at >= 0) return this.#answers.splice(at, 1)[0].answer;
    const why = `no answer is prepared: host.answer("${method}", "${url}", …)`;
    throw Object.assign(new Error(why), { payload: { tag: "denied", val: why } });
  }

  /** Handles an event. A handler's Retry and Reject are results; other errors are thrown. */
  async run(handle, raw) {
    const run = new Run({
      state: new Map(this.#state),
      config: this.#config,
      allowed: this.#allowed,
      resolved: this.#resolved.get(raw.id) ?? null,
      key: `${raw.id}-${this.sent.length}`,
    });
    const before = use(run.host);
    const { fetch } = globalThis;
    globalThis.fetch = fetchBy((request) => this.#send(request));
    try {
      run.result = outcomeOf(await handle(new Event(raw)));
      this.#commit(run);
    } catch (error) {
      if (!(error instanceof Retry || error instanceof Reject)) throw error;
      run.result = error;
      run.forget();
    } finally {
      use(before);
      globalThis.fetch = fetch;
    }
    return run;
  }

  #commit(run) {
    this.#state = run.state;
    this.sent.push(...run.sent);
    this.emitted.push(...run.emitted);
    for (const [key, entry] of run.scheduled) {
      if (entry === null) this.scheduled.delete(key);
      else this.scheduled.set(key, { ...entry, dueMs: entry.dueMs ?? this.nowMs + entry.afterMs });
    }
  }

  /** Lets time pass, and handles the scheduled events that become due. Returns their runs. */
  async advance(handle, ms) {
    const runs = [];
    const end = this.nowMs + ms;
    for (;;) {
      const next = [...this.scheduled].sort(([, a], [, b]) => a.dueMs - b.dueMs)[0];
      if (next === undefined || next[1].dueMs > end) break;
      const [key, entry] = next;
      this.scheduled.delete(key);
      this.nowMs = Math.max(this.nowMs, entry.dueMs);
      const event = wrap(entry.kind, entry.payload, {
        source: "handler:test",
        subject: entry.subject,
        createdMs: entry.dueMs,
        metadata: [["schedule", key]],
      });
      runs.push(await this.run(handle, event));
    }
    this.nowMs = end;
    return runs;
  }

  /** Handles the response to a request that asked for it. */
  respond(handle, request, status, body = "") {
    return this.run(handle, response(request, status, body));
  }

  /** The value of a key of the state, or undefined. */
  state(key) {
    const bytes = this.#state.get(key);
    return bytes === undefined ? undefined : parse(decode(bytes));
  }

  /** The keys of the state, in order. */
  keys() {
    return [...this.#state.keys()].sort();
  }

  /** Sets a value of the state. */
  setState(key, value) {
    this.#state.set(key, encode(stringify(value)));
    return this;
  }

  /** The value of a counter; 0 if the key is absent. */
  counter(key) {
    return this.state(key) ?? 0;
  }
}
