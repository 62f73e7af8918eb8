// The event that a handler receives.

import { PayloadError } from "./errors.js";
import { parse } from "./json.js";
import { responseOf } from "./response.js";
import { decode } from "./text.js";

/** An event whose signature the gateway verified and which it recorded durably. */
export class Event {
  #text;

  constructor(raw) {
    this.id = raw.id;
    this.source = raw.source;
    this.providerId = raw.providerId ?? null;
    this.kind = raw.kind;
    this.subject = raw.subject ?? null;
    this.account = raw.account ?? null;
    this.createdMs = raw.createdMs ?? null;
    this.receivedMs = raw.receivedMs;
    this.attempt = raw.attempt;
    this.replay = raw.replay;
    this.headers = raw.headers;
    this.metadata = raw.metadata;
    this.payload = raw.payload;
  }

  /** The payload as text. */
  text() {
    this.#text ??= decode(this.payload);
    if (this.#text === undefined) {
      throw new PayloadError(`the payload of ${this.kind} cannot be read: it is not UTF-8`);
    }
    return this.#text;
  }

  /** The payload as JSON. Integers beyond 2^53 are BigInts, unless `integers` says otherwise. */
  json(options) {
    const text = this.text();
    try {
      return parse(text, options);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new PayloadError(`the payload of ${this.kind} cannot be read: ${error.message}`);
    }
  }

  /** The first recorded header of this name, or undefined. */
  header(name) {
    return find(this.headers, String(name).toLowerCase());
  }

  /** A value of the event's metadata, such as `emitted-by`, or undefined. */
  fact(name) {
    return find(this.metadata, name);
  }

  /** The key under which the handler scheduled this event, or undefined. */
  get scheduled() {
    return this.fact("schedule");
  }

  /** The response that this event carries, or undefined for events of other types. */
  response() {
    return this.kind === "outbox.response" ? responseOf(this) : undefined;
  }
}

function find(pairs, name) {
  return pairs.find(([key]) => key === name)?.[1];
}
